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
      "Write a CSV file with each image's label, prediction, the rank of its label and the prediction's confidence.",
      valueName: "file"))
  var predictions: String?

  @Option(
    help: ArgumentHelp(
      "Write a CSV file with a line a class: how many of its images were taken for each class.",
      valueName: "file"))
  var confusion: String?

  @OptionGroup(title: "Output") var output: OutputOptions

  func run() throws {
    let trained = try TrainedHead(RunFolder(runPath), parallel: output.parallel)
    let cache = try TokenCache(data)
    try trained.check(cache)
    let classNames = trained.summary.layout.classNames
    var lines = PredictionLines(cache, classNames: classNames)
    let tokens = try LabelledTokens(measuringOn: cache)
    let prepared = try trained.prepare(tokens, folder: NSTemporaryDirectory())
    let collector = try Evaluator.collect(
      trained.group, on: prepared, withConfusion: confusion != nil
    ) { _, images, labels, batch in
      if predictions != nil { lines.add(rows: Array(tokens.rows[images]), labels: labels, batch) }
    }[0]
    if let predictions { try AtomicFile.write(lines.text, to: predictions) }
    if let confusion, let counts = collector.confusion {
      try AtomicFile.write(ConfusionTable.text(counts, classNames: classNames), to: confusion)
    }
    let metrics = collector.metrics
    if output.json {
      print(try CanonicalJSON.page(metrics), terminator: "")
    } else {
      print(MetricsTable.of(metrics, name: trained.summary.configuration.head.name).text, terminator: "")
    }
  }
}
