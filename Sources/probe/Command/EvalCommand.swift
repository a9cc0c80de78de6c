import ArgumentParser
import Commands
import Evaluation
import Files
import Foundation
import Reading
import Reporting
import Training

struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval", abstract: "Measures the head of a finished run on a cache.")

  @Argument(help: ArgumentHelp("Run folder.", valueName: "run"))
  var runPath: String

  @Option(help: ArgumentHelp("Cache to measure on; several are joined.", valueName: "cache"))
  var data: [String]

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

  @Option(
    help: ArgumentHelp(
      "Write a safetensors file with the class scores, logits [N, C], and the rows of the cache that they are of.",
      valueName: "file"))
  var logits: String?

  @Option(
    name: .customLong("attention-from"),
    help: ArgumentHelp(
      "Cache of another encoder, of the same images, whose attention a dino head takes.", valueName: "cache"))
  var attentionPaths: [String] = []

  @OptionGroup(title: "Data") var reading: ReadingArguments
  @OptionGroup(title: "Output") var output: OutputOptions

  func run() throws {
    let trained = try TrainedHead(RunFolder(runPath), parallel: output.parallel)
    let tokens = try trained.data(paths: data, labelFile: reading.labelFile, reading: reading.options)
    if case .several = tokens.targets, predictions != nil || confusion != nil {
      throw InputError(
        "--predictions, --confusion", "are of images with one label each, and these have several",
        remedy: "use --logits")
    }
    let classNames = trained.summary.layout.classNames
    var allLogits: [Float] = []
    var lines = PredictionLines(id: { tokens.caches?.id(row: $0) ?? "" }, classNames: classNames)
    let attention =
      attentionPaths.isEmpty ? nil : try CacheSet(attentionPaths: attentionPaths, options: reading.options)
    let measured = try trained.measure(
      on: tokens, attentionFrom: attention, folder: NSTemporaryDirectory(), withConfusion: confusion != nil
    ) { images, labels, batch, scores in
      if predictions != nil { lines.add(rows: tokens.rows[images], labels: labels, batch) }
      if logits != nil { allLogits += scores }
    }
    if let logits {
      try LogitsFile.write(allLogits, rows: tokens.rows, classCount: classNames.count, to: logits)
    }
    if let predictions { try AtomicFile.write(lines.text, to: predictions) }
    if let confusion, let counts = measured.confusion {
      try AtomicFile.write(ConfusionTable.text(counts, classNames: classNames), to: confusion)
    }
    let metrics = measured.metrics
    if output.json {
      print(try CanonicalJSON.page(metrics), terminator: "")
    } else {
      print(MetricsTable.of(metrics, name: trained.summary.configuration.head.name).text, terminator: "")
    }
  }
}
