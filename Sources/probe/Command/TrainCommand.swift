import ArgumentParser
import Evaluation
import Files
import Heads
import Reporting
import Training

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Trains a head on one cache and measures it on another.")

  @OptionGroup(title: "Run folder") var folder: RunOptions

  @Option(
    name: .customLong("cls-features"),
    help: ArgumentHelp("What the classifier sees (docs/probe.md and docs/heads.md).", valueName: "features"))
  var features = FeaturesArgument(.cls)

  @OptionGroup(title: "Data") var data: EpochDataOptions
  @OptionGroup(title: "Head") var head: HeadOptions
  @OptionGroup(title: "Protocol") var protocolOptions: ProtocolOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func run() throws {
    let configuration = protocolOptions.configuration(
      head: head.settings.description(features), data: data.selection)
    let runs = [PlannedRun(configuration, folder.folder)]
    let monitor = TrainingMonitor(
      configuration.head.name, runs, epochs: protocolOptions.epochs, style: output.progressStyle)
    let results = try folder.train(runs, data.sources, monitor, output)
    let summary = try results[0].summary()
    try StandardOutput.write(
      output.json
        ? CanonicalJSON.page(summary) : ResultTable.of([(folder.outputPath, summary)]).text)
  }
}
