import Evaluation
import Files
import TokenStore

/// The labels of all rows of some caches: their own, or a file's.
struct RowLabels {
  let classNames: [String]
  /// Lines of the file whose images are not among the rows; nil without a file.
  let foreignLineCount: Int?
  private let values: Values

  private enum Values {
    /// By row, -1 for none.
    case single([Int32])
    /// By row; nil for none. Ranges are of `classes`.
    case several([Range<UInt32>?], classes: [Int32])
  }

  /// - Parameters:
  ///   - file: what overrides the caches' labels.
  ///   - classNames: what labels are numbers of; nil for the file's classes, or the first cache's.
  init(_ caches: CacheSet, _ file: LabelFile?, _ classNames: [String]?) throws(InputError) {
    guard let file else {
      let names = classNames ?? caches.caches[0].configuration.dataset.classNames
      self.classNames = names
      foreignLineCount = nil
      var labels: [Int32] = []
      labels.reserveCapacity(caches.rowCount)
      let other = classNames == nil ? caches.name : "the head tells apart"
      for cache in caches.caches { labels += try Self.labels(of: cache, as: names, like: other) }
      values = .single(labels)
      return
    }
    self.classNames = file.classNames
    var ranges = [Range<UInt32>?](repeating: nil, count: caches.rowCount)
    var classes: [Int32] = []
    foreignLineCount = try file.forEachRow(of: caches) { row, labels in
      let start = UInt32(classes.count)
      classes += labels
      ranges[row] = start..<UInt32(classes.count)
    }
    values =
      file.hasSeveralLabels
      ? .several(ranges, classes: classes)
      : .single(ranges.map { $0.map { classes[Int($0.lowerBound)] } ?? -1 })
  }

  func hasLabel(row: Int) -> Bool {
    switch values {
    case .single(let labels): labels[row] >= 0
    case .several(let ranges, _): ranges[row] != nil
    }
  }

  func targets(rows: [Int]) -> Targets {
    switch values {
    case .single(let labels): return .single(rows.map { labels[$0] })
    case .several(let ranges, let classes):
      var sets = LabelSets()
      for row in rows {
        let range = ranges[row] ?? 0..<0
        sets.append(classes[Int(range.lowerBound)..<Int(range.upperBound)])
      }
      return .several(sets)
    }
  }

  /// A cache's labels, numbered as `names` has the classes.
  private static func labels(
    of cache: TokenCache, as names: [String], like other: String
  ) throws(InputError) -> [Int32] {
    let own = cache.configuration.dataset.classNames
    for (row, label) in cache.labels.enumerated() where label >= Int32(clamping: own.count) {
      throw InputError(
        cache.path, "row \(row) has the label \(label), yet there are \(own.count) classes",
        remedy: "check the cache with: extract verify \(cache.path)")
    }
    guard own != names else { return cache.labels }
    let differences = settingDifferences(["class_names": own.sorted()], from: ["class_names": names.sorted()])
    guard differences.isEmpty, Set(own).count == own.count else {
      let text = settingDifferences(["class_names": own], from: ["class_names": names]).joined()
      throw InputError(
        cache.path, "has other classes than \(other): \(text)",
        remedy: "extract from images of the same classes, or give a --label-file")
    }
    let places = Dictionary(uniqueKeysWithValues: zip(names, Int32(0)...))
    let renumbered = own.map { places[$0]! }
    return cache.labels.map { $0 < 0 ? -1 : renumbered[Int($0)] }
  }
}
