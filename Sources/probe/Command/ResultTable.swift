import Reporting
import Training

/// Runs side by side: features, parameters and accuracies.
enum ResultTable {
  static func of(_ runs: [(path: String, summary: RunSummary)]) -> Table {
    let haveSets = runs.contains { $0.summary.final.validation.meanAveragePrecision != nil }
    let score = haveSets ? "best mAP %" : "best top-1 %"
    var table = Table(
      [.text("head"), .number("parameters")] + (haveSets ? [.number("mAP %")] : []) + [
        .number("top-1 %"), .number("top-5 %"), .number(score), .number("best epoch"), .number("val loss"),
        .number("learning rate"), .number("seed"), .text("run"),
      ])
    for (path, summary) in runs {
      let final = summary.final.validation
      table.append(
        [summary.configuration.head.name, String(summary.parameterCount)]
          + (haveSets ? [final.meanAveragePrecision.map(percentage) ?? ""] : []) + [
            percentage(final.top1), percentage(final.top5), percentage(summary.best.validation.score),
            String(summary.best.epoch + 1), NumberText.fixed(final.loss, 3),
            "\(summary.configuration.schedule.peak)", String(summary.configuration.seed), path,
          ])
    }
    return table
  }

  private static func percentage(_ share: Double) -> String { NumberText.fixed(100 * share, 1) }
}
