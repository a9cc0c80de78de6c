import Evaluation
import Reporting

/// What was measured of one head, as a table of one row.
enum MetricsTable {
  static func of(_ metrics: Metrics, name: String) -> Table {
    var columns = accuracyColumns + [.number("loss")]
    var cells = accuracyCells(metrics.accuracies, name: name) + [NumberText.fixed(metrics.loss, 4)]
    let shares = [
      ("calibration error %", metrics.calibrationError), ("mAP %", metrics.meanAveragePrecision),
    ]
    for case (let title, let share?) in shares {
      columns.append(.number(title))
      cells.append(NumberText.fixed(100 * share, 1))
    }
    var table = Table(columns)
    table.append(cells)
    return table
  }

  /// For a classifier whose scores are no logits.
  static func of(_ accuracies: Accuracies, name: String) -> Table {
    var table = Table(accuracyColumns)
    table.append(accuracyCells(accuracies, name: name))
    return table
  }

  private static let accuracyColumns: [Table.Column] = [
    .text("head"), .number("images"), .number("top-1 %"), .number("top-5 %"), .number("mean class %"),
  ]

  private static func accuracyCells(_ accuracies: Accuracies, name: String) -> [String] {
    [
      name, String(accuracies.imageCount), NumberText.fixed(100 * accuracies.top1, 1),
      NumberText.fixed(100 * accuracies.top5, 1), NumberText.fixed(100 * accuracies.meanClassAccuracy, 1),
    ]
  }
}
