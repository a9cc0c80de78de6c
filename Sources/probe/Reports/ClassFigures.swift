import Evaluation
import Files
import Reporting

/// How well each class is told, and what its images are taken for.
package struct ClassFigures {
  /// Of more classes, no map is legible.
  private static let mapCount = 40
  private static let confusionCount = 25
  private static let columnCount = 12
  /// Lines of tables.
  private static let rowCount = 10

  /// Of the same classes.
  let heads: [ExaminedHead]
  let classNames: [String]
  /// "top-1 accuracy" or "average precision"
  let scoreName: String

  package init(_ heads: [ExaminedHead], isOfSets: Bool) {
    self.heads = heads
    classNames = heads[0].examination.classNames
    scoreName = isOfSets ? "average precision" : "top-1 accuracy"
  }

  /// A map of classes by heads; of many classes, each head's scores from the lowest to the highest.
  package var scores: NamedFigure {
    let scale = Axis.percentage(scoreName, includes: [0, 100])
    guard classNames.count > Self.mapCount else {
      return NamedFigure(
        fileName: "class-scores", figure: map,
        caption: "The \(scoreName) of each class's validation images.")
    }
    return NamedFigure(
      fileName: "class-scores",
      figure: LinePlot(
        "Scores of classes, from the lowest to the highest", x: Axis("class, by its score", isWhole: true),
        y: scale,
        series: heads.map { head in
          .init(
            head.name,
            classNames.indices.compactMap { percentage(head, $0) }.sorted().enumerated()
              .map { (x: Double($0.offset + 1), y: $0.element) })
        }),
      caption: "The \(scoreName) of \(classNames.count) classes, in an order of its own for each head.")
  }

  /// The shorter side lies along the columns, whose cells have room for numbers.
  private var map: HeatMap {
    let (classes, names) = (
      HeatMap.Side("class", labels: classNames), HeatMap.Side("head", labels: heads.map(\.name))
    )
    let scale = Axis.percentage(scoreName)
    if classNames.count <= Self.columnCount {
      return HeatMap(
        "Score of each class", rows: names, columns: classes, scale: scale,
        values: heads.map { head in classNames.indices.map { percentage(head, $0) } }, size: .full)
    }
    return HeatMap(
      "Score of each class", rows: classes, columns: names, scale: scale,
      values: classNames.indices.map { index in heads.map { percentage($0, index) } }, size: .full)
  }

  /// The classes that the best head tells worst, and where heads differ most; nil where all are on the map.
  package var extremes: Table? {
    guard classNames.count > Self.mapCount else { return nil }
    var table = Table(
      [.text("class"), .text("why"), .number("images")] + heads.map { .number("\($0.name) %") })
    let known = classNames.indices.filter { percentage(heads[0], $0) != nil }
    let hardest = known.sorted { (percentage(heads[0], $0)!, $0) < (percentage(heads[0], $1)!, $1) }
    append(hardest.prefix(Self.rowCount), "hardest", &table)
    if let last = heads.dropFirst().last {
      let shared = known.filter { percentage(last, $0) != nil }
      func gain(_ index: Int) -> Double { percentage(heads[0], index)! - percentage(last, index)! }
      let gains = shared.sorted { (-gain($0), $0) < (-gain($1), $1) }
      append(gains.prefix(Self.rowCount), "gains most from \(last.name) to \(heads[0].name)", &table)
      append(gains.suffix(Self.rowCount).reversed(), "gains least", &table)
    }
    return table
  }

  private func append(_ classes: some Sequence<Int>, _ reason: String, _ table: inout Table) {
    for index in classes {
      table.append(
        [classNames[index], reason, String(heads[0].examination.classes[index].imageCount)]
          + heads.map { head in percentage(head, index).map { NumberText.fixed($0, 1) } ?? "" })
    }
  }

  /// All classes and digits, as CSV has them.
  package var csv: String {
    let titles = ["class", "images"] + heads.map(\.name)
    return CSV.line(titles)
      + classNames.indices.map { index in
        CSV.line(
          [classNames[index], String(heads[0].examination.classes[index].imageCount)]
            + heads.map { head in head.examination.classes[index].score.map { "\($0)" } ?? "" })
      }.joined()
  }

  private func percentage(_ head: ExaminedHead, _ index: Int) -> Double? {
    head.examination.classes[index].score.map { 100 * $0 }
  }

  // MARK: - Confusion

  /// A matrix for each head; of many classes, of those that take part in most mistakes of all heads together.
  package var confusions: [NamedFigure] {
    let classes = confusedClasses
    let isPart = classes.count < classNames.count
    let labels = classes.map { classNames[$0] }
    return heads.enumerated().compactMap { number, head in
      guard let counts = head.examination.confusion else { return nil }
      return NamedFigure(
        fileName: "confusion-\(number + 1)-\(head.name)",
        figure: HeatMap(
          "Confusion", of: head.name, rows: .init("class", labels: labels),
          columns: .init("taken for", labels: labels),
          scale: .percentage("share of the class", includes: [0, 100]),
          values: classes.map { row in
            let images = head.examination.classes[row].imageCount
            return classes.map { column in
              images > 0 ? 100 * Double(counts[row, column]) / Double(images) : nil
            }
          }, size: areConfusionsLarge ? .full : .half),
        caption: isPart
          ? "The \(classes.count) of \(classNames.count) classes that take part in most mistakes."
          : "Of each class's images, those that were taken for each class.")
    }
  }

  /// Whether each takes the width of a page.
  var areConfusionsLarge: Bool { classNames.count > Self.columnCount }

  /// Ascending.
  private var confusedClasses: [Int] {
    guard classNames.count > Self.confusionCount else { return Array(classNames.indices) }
    var mistakes = [Int](repeating: 0, count: classNames.count)
    for pair in heads.compactMap(\.examination.confusion).flatMap(\.pairs) where pair.label != pair.prediction
    {
      mistakes[pair.label] += pair.count
      mistakes[pair.prediction] += pair.count
    }
    return mistakes.indices.sorted { (-mistakes[$0], $0) < (-mistakes[$1], $1) }
      .prefix(Self.confusionCount).sorted()
  }

  /// The most frequent mistakes of the best head; nil where there are none.
  package var mistakes: Table? {
    let pairs = (heads[0].examination.confusion?.pairs ?? []).filter { $0.label != $0.prediction }
    guard !pairs.isEmpty else { return nil }
    var table = Table([
      .text("class"), .text("taken for"), .number("images"), .number("share of the class %"),
    ])
    // Stable: of equally frequent ones, in the order of classes.
    let frequent = pairs.enumerated().sorted {
      (-$0.element.count, $0.offset) < (-$1.element.count, $1.offset)
    }
    for pair in frequent.prefix(Self.rowCount).map(\.element) {
      let images = heads[0].examination.classes[pair.label].imageCount
      table.append([
        classNames[pair.label], classNames[pair.prediction], String(pair.count),
        NumberText.fixed(100 * Double(pair.count) / Double(images), 1),
      ])
    }
    return table
  }
}
