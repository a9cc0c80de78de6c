import ArgumentParser
import Baselines
import Commands
import Files

struct RidgeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ridge",
    abstract: "Fits a linear classifier in closed form: ridge regression on one-hot labels.")

  @OptionGroup(title: "Data") var data: BaselineOptions

  @Option(help: "Penalties of the squared weights, with commas between; held-out training images choose.")
  var penalties = ListArgument(RidgeRegression.defaultPenalties)

  @OptionGroup(title: "Selection") var selection: SelectionOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws { try penalties.validatePenalties() }

  func run() throws {
    let parallel = output.parallel
    let monitor = BaselineMonitor(style: output.progressStyle)
    let data = try data.load(monitor, parallel)
    let split = try data.split(for: penalties.elements, seed: selection.seed)
    monitor.work.begin("fitting", total: data.train.count + (split?.learned.count ?? 0))
    let selected = try RidgeRegression.select(
      data.train, penalties: penalties.elements, split: split, parallel, monitor.observer)
    monitor.work.end()
    var lines = PredictionLines(id: data.validationID, classNames: data.classNames, withConfidence: false)
    let accuracies = try selected.model.measure(on: data.validation, parallel) { places, labels, block in
      if selection.predictions != nil { lines.add(rows: data.validationRows[places], labels: labels, block) }
    }.accuracies
    if let file = selection.predictions { try AtomicFileWriter.write(lines.text, to: file) }
    let features = self.data.features.features.rawValue
    let result = PenaltyResult(data, features: features, selected, accuracies)
    try StandardOutput.write(
      output.json
        ? CanonicalJSON.page(result)
        : result.text(MetricsTable.of(accuracies, name: "\(features) ridge \(selected.penalty)")))
  }
}
