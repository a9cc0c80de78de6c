import ArgumentParser
import Baselines
import Commands
import Files

struct LogisticCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logistic",
    abstract: "Fits a linear classifier to its optimum: multinomial logistic regression by L-BFGS.")

  @OptionGroup(title: "Data") var data: BaselineOptions

  @Option(
    help: "Penalties of half the squared weights, with commas between; held-out training images choose.")
  var penalties = ListArgument(LogisticRegression.defaultPenalties)

  @OptionGroup(title: "Selection") var selection: SelectionOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws { try penalties.validatePenalties() }

  func run() throws {
    let parallel = output.parallel
    let monitor = BaselineMonitor(style: output.progressStyle)
    let data = try data.load(monitor, parallel)
    let split = try data.split(for: penalties.elements, seed: selection.seed)
    monitor.work.begin("fitting", total: nil)
    let selected = try LogisticRegression.select(
      data.train, penalties: penalties.elements, split: split, parallel, monitor.observer)
    monitor.work.end()
    if !selected.model.hasConverged {
      StandardError.write(
        "penalty \(selected.penalty): stopped before the optimum; a greater penalty is reached sooner\n")
    }
    var lines = PredictionLines(id: data.validationID, classNames: data.classNames)
    let metrics = try selected.model.measure(on: data.validation, parallel) { places, labels, block in
      if selection.predictions != nil { lines.add(rows: data.validationRows[places], labels: labels, block) }
    }
    if let file = selection.predictions { try AtomicFileWriter.write(lines.text, to: file) }
    let features = self.data.features.features.rawValue
    let result = PenaltyResult(data, features: features, selected, metrics)
    try StandardOutput.write(
      output.json
        ? CanonicalJSON.page(result)
        : result.text(MetricsTable.of(metrics, name: "\(features) logistic \(selected.penalty)")))
  }
}
