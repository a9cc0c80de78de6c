import Reporting
import Training

/// Runs side by side: features, parameters and accuracies.
enum ResultTable {
  static func of(_ runs: [(path: String, summary: RunSummary)]) -> Table {
    var table = Table([
      .text("head"), .number("parameters"), .number("top-1 %"), .number("top-5 %"), .number("best top-1 %"),
      .number("best epoch"), .number("val loss"), .number("learning rate"), .number("seed"), .text("run"),
    ])
    for (path, summary) in runs {
      let final = summary.final.validation
      table.append([
        summary.configuration.head.name, String(summary.parameterCount),
        NumberText.fixed(100 * final.top1, 1),
        NumberText.fixed(100 * final.top5, 1), NumberText.fixed(100 * summary.best.validation.top1, 1),
        String(summary.best.epoch + 1), NumberText.fixed(final.loss, 3),
        "\(summary.configuration.schedule.peak)", String(summary.configuration.seed), path,
      ])
    }
    return table
  }
}
