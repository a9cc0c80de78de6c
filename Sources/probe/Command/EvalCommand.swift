import ArgumentParser
import Commands
import Compute
import Evaluation
import Files
import Heads
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
    help:
      "Type that the head's matrix products multiply, bfloat16 or none; that of its training unless given.")
  var amp: MatrixProducts?

  @OptionGroup(title: "Another encoder") var companionOptions: CompanionOptions
  @OptionGroup(title: "Data") var reading: ReadingArguments
  @OptionGroup(title: "Output") var output: OutputOptions

  func run() throws { try Interruption.during(measure) }

  private func measure() throws {
    let trained = try TrainedHead(RunFolder(runPath), products: amp, parallel: output.parallel)
    let tokens = try trained.data(paths: data, labelFile: reading.labelFile, reading: reading.options)
    if case .several = tokens.targets, predictions != nil || confusion != nil {
      throw InputError(
        "--predictions, --confusion", "are of images with one label each, and these have several",
        remedy: "use --logits")
    }
    let classNames = trained.summary.layout.classNames
    let logitsFile = try logits.map { try LogitsFile($0, rows: tokens.rows, classCount: classNames.count) }
    let predictionsFile = try predictions.map { path throws(InputError) in try AtomicFileWriter(path) }
    let confusionFile = try confusion.map { path throws(InputError) in try AtomicFileWriter(path) }
    var lines = PredictionLines(id: { tokens.caches?.id(row: $0) ?? "" }, classNames: classNames)
    let work = WorkAtHand(style: output.progressStyle)
    // An error, too, begins on a line of its own.
    defer { work.end() }
    func beginMeasuring() { work.begin("measuring", total: tokens.count) }
    let companions = try companionOptions.caches(of: trained, reading.options)
    let total = tokens.count * (companions.beside == nil ? 1 : 2)
    if FixedFeature.isComputedOnce(trained.summary.configuration.head.features) {
      work.begin("features", total: total)
    } else {
      beginMeasuring()
    }
    let measured = try trained.measure(
      on: tokens, attentionFrom: companions.attention, beside: companions.beside,
      folder: ScratchFile.defaultFolder,
      shouldStop: { Interruption.isRequested },
      onFeatures: { images in
        work.advance(to: images)
        if images == total { beginMeasuring() }
      },
      withConfusion: confusion != nil
    ) { images, labels, batch, scores in
      if let predictionsFile {
        lines.add(rows: tokens.rows[images], labels: labels, batch)
        try predictionsFile.append(lines.take())
      }
      try logitsFile?.append(scores)
      work.advance(to: images.upperBound)
    }
    work.end()
    try logitsFile?.commit()
    try predictionsFile?.commit()
    if let confusionFile, let counts = measured.confusion {
      try ConfusionTable.write(counts, classNames: classNames, to: confusionFile)
      try confusionFile.commit()
    }
    let metrics = measured.metrics
    if output.json {
      try StandardOutput.write(CanonicalJSON.page(metrics))
    } else {
      try StandardOutput.write(MetricsTable.of(metrics, name: trained.summary.configuration.head.name).text)
    }
  }
}
