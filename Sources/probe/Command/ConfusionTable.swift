import Reporting

/// The confusion file: a line a class, with how many of its images were taken for each class.
enum ConfusionTable {
  /// - Parameter counts: [C, C]: images of the row's class that were taken for the column's.
  static func text(_ counts: [Int], classNames: [String]) -> String {
    classNames.enumerated().reduce(into: CSV.line(["label"] + classNames)) { text, row in
      let cells = counts[row.offset * classNames.count..<(row.offset + 1) * classNames.count]
      text += CSV.line([row.element] + cells.map(String.init))
    }
  }
}
