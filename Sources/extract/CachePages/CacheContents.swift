import Reporting
import TokenStore

/// How much of what is in a cache.
enum CacheContents {
  /// A row for each dataset, of all shards together.
  static func datasets(_ cache: TokenCache) -> Table {
    var table = Table([.text("dataset"), .text("type"), .text("shape"), .number("size"), .number("share")])
    let whole = Double(cache.layout.rowByteCount)
    for dataset in cache.layout.datasets {
      let shape = ([cache.rowCount] + dataset.rowShape).map(String.init).joined(separator: ", ")
      table.append([
        dataset.name, dataset.type.description, "[\(shape)]",
        NumberText.bytes(dataset.rowByteCount * cache.rowCount),
        NumberText.percentage(Double(dataset.rowByteCount) / whole, digits: 2),
      ])
    }
    return table
  }

  /// Images of each class by label; nil where none is labelled.
  static func classCounts(_ cache: TokenCache) -> [Int]? {
    let names = cache.configuration.dataset.classNames
    guard !names.isEmpty else { return nil }
    var counts = [Int](repeating: 0, count: names.count)
    for label in cache.labels where counts.indices.contains(Int(label)) { counts[Int(label)] += 1 }
    return counts.map { $0 / cache.configuration.augmentation.views }
  }

  private static let mostBars = 40

  /// A bar a class, or of many classes how often which count occurs.
  static func classes(_ counts: [Int], names: [String]) -> NamedFigure {
    let axis = Axis("images", isWhole: true)
    guard counts.count > mostBars else {
      return NamedFigure(
        fileName: "classes",
        figure: BarPlot(
          "Images of each class", categories: names, axis: axis,
          series: [.init("images", counts.map(Double.init))]),
        caption: "")
    }
    let (low, high) = (counts.min() ?? 0, counts.max() ?? 0)
    let step = max(1, (high - low) / 40 + 1)
    let edges = Array(stride(from: low, through: high + step, by: step))
    var bins = [Int](repeating: 0, count: edges.count - 1)
    for count in counts { bins[(count - low) / step] += 1 }
    return NamedFigure(
      fileName: "classes",
      figure: Histogram(
        "Sizes of \(counts.count) classes", x: Axis("images of a class", isWhole: true),
        y: Axis("classes", isWhole: true), edges: edges.map(Double.init),
        series: [.init("classes", counts: bins)]),
      caption: "From \(low) to \(high) images a class.")
  }

  static func classTable(_ counts: [Int], names: [String]) -> String {
    var table = Table([.number("label"), .text("class"), .number("images")])
    for (label, name) in names.enumerated() { table.append(["\(label)", name, "\(counts[label])"]) }
    return table.csv
  }
}
