import ArgumentParser
import Commands
import Evaluation
import Files
import Foundation
import Reporting
import TokenStore
import Training

struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval", abstract: "Measures the head of a finished run on a cache.")

  @Argument(help: ArgumentHelp("Run folder.", valueName: "run"))
  var runPath: String

  @Option(help: ArgumentHelp("Cache to measure on.", valueName: "cache"))
  var data: String

  @Option(
    help: ArgumentHelp(
      "Write a CSV file with each image's label, prediction and the rank of its label.", valueName: "file"))
  var predictions: String?

  @OptionGroup(title: "Output") var output: OutputOptions

  func run() throws {
    let trained = try TrainedHead(RunFolder(runPath), parallel: output.parallel)
    let cache = try TokenCache(data)
    try trained.check(cache)
    var lines = PredictionLines(cache, classNames: trained.summary.layout.classNames)
    let tokens = try LabelledTokens(measuringOn: cache)
    let prepared = try trained.prepare(tokens, folder: NSTemporaryDirectory())
    let metrics = try Evaluator.measure(trained.group, on: prepared) { _, images, labels, logits in
      guard predictions != nil else { return }
      lines.add(rows: Array(tokens.rows[images]), labels: labels, logits: Array(logits))
    }[0]
    if let predictions { try AtomicFile.write(lines.text, to: predictions) }
    if output.json {
      print(try CanonicalJSON.page(metrics), terminator: "")
    } else {
      print(table(metrics, trained.summary).text, terminator: "")
    }
  }

  private func table(_ metrics: Metrics, _ summary: RunSummary) -> Table {
    var table = Table([
      .text("head"), .number("images"), .number("top-1 %"), .number("top-5 %"), .number("mean class %"),
      .number("loss"),
    ])
    table.append([
      summary.configuration.head.name, String(metrics.imageCount), NumberText.fixed(100 * metrics.top1, 1),
      NumberText.fixed(100 * metrics.top5, 1), NumberText.fixed(100 * metrics.meanClassAccuracy, 1),
      NumberText.fixed(metrics.loss, 4),
    ])
    return table
  }
}

/// The predictions file: one line an image.
private struct PredictionLines {
  private let cache: TokenCache
  private let classNames: [String]
  private(set) var text = CSV.line(["row", "id", "label", "prediction", "label_rank"])

  init(_ cache: TokenCache, classNames: [String]) {
    self.cache = cache
    self.classNames = classNames
  }

  mutating func add(rows: [Int], labels: [Int32], logits: [Float]) {
    let predictions = Prediction.of(logits: logits, labels: labels, classCount: classNames.count)
    for (index, prediction) in predictions.enumerated() {
      text += CSV.line([
        String(rows[index]), cache.id(row: rows[index]), classNames[Int(labels[index])],
        classNames[prediction.best],
        String(prediction.labelRank),
      ])
    }
  }
}
