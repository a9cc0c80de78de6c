import ArgumentParser
import Commands
import Evaluation
import Files
import Heads
import Reporting
import Training

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Trains a head on one cache and measures it on another.")

  @Option(
    name: [.customLong("output-dir"), .short], help: ArgumentHelp("Run folder to write.", valueName: "run"))
  var outputPath: String

  @Option(
    name: .customLong("cls-features"),
    help: ArgumentHelp("What the classifier sees (docs/heads.md).", valueName: "features"))
  var features = FeaturesArgument(.cls)

  @OptionGroup(title: "Data") var data: EpochDataOptions
  @OptionGroup(title: "Head") var head: HeadOptions
  @OptionGroup(title: "Protocol") var protocolOptions: ProtocolOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  @Flag(name: .customLong("no-tensorboard"), help: "Write no event files for TensorBoard.")
  var leavesTensorBoardOut = false

  @Flag(help: "Go on where an earlier run with the same settings stopped.")
  var resume = false

  @Flag(help: "Replace an earlier run.")
  var overwrite = false

  func validate() throws {
    if resume && overwrite { throw ValidationError("--resume and --overwrite exclude each other.") }
  }

  func run() throws {
    Interruption.listen()
    let folder = RunFolder(outputPath)
    let configuration = protocolOptions.configuration(
      head: head.settings.description(features), data: data.selection)
    let run = TrainingRun(
      [PlannedRun(configuration, folder)], data.sources, folder: folder,
      writesTensorBoard: !leavesTensorBoardOut, programVersion: Program.version,
      parallel: output.parallel)
    let monitor = TrainingMonitor(
      configuration.head.name, epochs: protocolOptions.epochs, style: output.progressStyle)
    let outcome = try run.run(resume ? .resume : overwrite ? .overwrite : .fresh, monitor.observer)
    monitor.close()
    switch outcome {
    case .finished(let results): try print(try results[0].summary())
    case .interrupted:
      throw InterruptedError(
        "stopped; what is done is kept in \(outputPath): run the same command with --resume to go on")
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
