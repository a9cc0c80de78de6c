import ArgumentParser
import Commands
import Evaluation
import Files
import Heads
import Reporting
import TokenStore
import Training

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Trains a head on one cache and measures it on another.")

  @Option(name: .customLong("train"), help: ArgumentHelp("Cache to train on.", valueName: "cache"))
  var trainPath: String

  @Option(name: .customLong("val"), help: ArgumentHelp("Cache to measure on.", valueName: "cache"))
  var validationPath: String

  @Option(
    name: [.customLong("output-dir"), .short], help: ArgumentHelp("Run folder to write.", valueName: "run"))
  var outputPath: String

  @OptionGroup(title: "Head") var head: HeadOptions
  @OptionGroup(title: "Protocol") var protocolOptions: ProtocolOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  @Flag(help: "Go on where an earlier run with the same settings stopped.")
  var resume = false

  @Flag(help: "Replace an earlier run.")
  var overwrite = false

  func validate() throws {
    if resume && overwrite { throw ValidationError("--resume and --overwrite exclude each other.") }
  }

  func run() throws {
    Interruption.listen()
    let run = TrainingRun(
      protocolOptions.configuration(head: head.description), train: try TokenCache(trainPath),
      validation: try TokenCache(validationPath), folder: RunFolder(outputPath),
      programVersion: Program.version, parallel: output.parallel)
    let monitor = TrainingMonitor(run.name, epochs: protocolOptions.epochs, style: output.progressStyle)
    let outcome = try run.run(
      resume ? .resume : overwrite ? .overwrite : .fresh, onStart: monitor.start, onEpoch: monitor.finish,
      onBatch: monitor.advance, shouldStop: { Interruption.isRequested })
    monitor.close()
    switch outcome {
    case .finished(let summary): try print(summary)
    case .interrupted(let epochs):
      throw InterruptedError(
        "stopped after \(epochs) of \(protocolOptions.epochs) epochs, which are kept in \(outputPath); "
          + "run the same command with --resume to go on")
    }
  }

  private func print(_ summary: RunSummary) throws {
    guard !output.json else {
      Swift.print(try CanonicalJSON.page(summary), terminator: "")
      return
    }
    Swift.print(ResultTable.of([(outputPath, summary)]).text, terminator: "")
  }
}

/// Turns what a run tells into progress on stderr: batches as units, losses and accuracies as detail.
private final class TrainingMonitor {
  private let name: String
  private let epochs: Int
  private let style: Progress.Style
  private var progress: Progress?
  private var doneEpochs = 0
  private var detail = ""

  init(_ name: String, epochs: Int, style: Progress.Style) {
    self.name = name
    self.epochs = epochs
    self.style = style
  }

  func start(_ trainer: Trainer, doneEpochs: Int) {
    self.doneEpochs = doneEpochs
    let batches = trainer.batchCount
    progress = Progress(
      name, unit: "batches", total: epochs * batches, alreadyDone: doneEpochs * batches, style: style)
    if doneEpochs > 0 { progress?.note("\(name): goes on after \(doneEpochs) of \(epochs) epochs") }
  }

  func advance(batch: Int, of batchCount: Int, loss: Double) {
    progress?.advance(
      by: 1, detail: "epoch \(doneEpochs + 1)/\(epochs), loss \(NumberText.fixed(loss, 3))\(detail)")
  }

  func finish(_ record: EpochRecord) {
    doneEpochs = record.epoch + 1
    detail = ", val top-1 \(NumberText.percentage(record.validation.top1))"
  }

  func close() { progress?.finish() }
}
