import ArgumentParser
import Commands
import Files
import Heads
import Reporting
import Training

struct SweepCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract: "Trains a grid of heads side by side and selects on held-out training images.",
    discussion: """
      Options that take lists are combined: heads x learning rates x weight decays x seeds. Heads that look at tokens \
      learn from the same reading of the cache, epoch by epoch.
      """)

  @OptionGroup(title: "Data") var data: EpochDataOptions

  @OptionGroup(title: "Sweep folder") var folder: RunOptions

  @OptionGroup(title: "Heads") var heads: SweepHeadOptions

  @Option(
    name: .customLong("blrs"),
    help: ArgumentHelp("Base learning rates, in the place of --blr.", valueName: "list"))
  var baseLearningRates: ListArgument<Double>?

  @Option(
    name: .customLong("weight-decays"),
    help: ArgumentHelp("Weight decays, in the place of --weight-decay.", valueName: "list"))
  var weightDecays: ListArgument<Float>?

  @Option(
    help: ArgumentHelp(
      "Seeds of the initial weights, in the place of --seed. The spread over them is that of initial weights alone; "
        + "all learn from the order of --order-seed.",
      valueName: "list"))
  var seeds: ListArgument<UInt64>?

  @Option(
    name: .customLong("hold-out"),
    help: "Share of the training images that nobody learns from, to select the best setting of each head by.")
  var heldOutFraction = 0.1

  @Option(
    help:
      "Train at most so many heads side by side, and more of them group by group, where memory does not hold all."
  )
  var headsAtOnce: Int?

  @OptionGroup(title: "Protocol") var protocolOptions: ProtocolOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws {
    if let headsAtOnce, headsAtOnce < 1 {
      throw ValidationError("--heads-at-once must be at least 1, not \(headsAtOnce).")
    }
    guard heldOutFraction >= 0 && heldOutFraction < 1 else {
      throw ValidationError("--hold-out must be at least 0 and less than 1, not \(heldOutFraction).")
    }
    if baseLearningRates != nil && protocolOptions.learningRate != nil {
      throw ValidationError("--blrs and --lr exclude each other.")
    }
    try refuseRepetition("--blrs", baseLearningRates)
    try refuseRepetition("--weight-decays", weightDecays)
    try refuseRepetition("--seeds", seeds)
    for value in baseLearningRates?.elements ?? [] where !(value >= 0 && value.isFinite) {
      throw ValidationError("--blrs must be numbers of at least 0, not \(value).")
    }
    for value in weightDecays?.elements ?? [] where !(value >= 0 && value.isFinite) {
      throw ValidationError("--weight-decays must be numbers of at least 0, not \(value).")
    }
    if heldOutFraction == 0 && settingsPerHead > 1 {
      throw ValidationError(
        "--hold-out 0 leaves nothing to select one of \(settingsPerHead) settings of each head by.")
    }
  }

  private func refuseRepetition<Value: Hashable>(_ name: String, _ list: ListArgument<Value>?) throws {
    var seen: Set<Value> = []
    for value in list?.elements ?? [] where !seen.insert(value).inserted {
      throw ValidationError("\(name) names \(value) twice.")
    }
  }

  private var settingsPerHead: Int {
    (baseLearningRates?.elements.count ?? 1) * (weightDecays?.elements.count ?? 1)
  }

  func run() throws {
    let configurations = configurations
    let names = configurations.enumerated().map { SweepFolder.runName($0, $1.head) }
    let runs = zip(configurations, names).map { PlannedRun($0, RunFolder("\(folder.outputPath)/\($1)")) }
    let monitor = TrainingMonitor(
      "sweep of \(runs.count)", runs, epochs: protocolOptions.epochs, style: output.progressStyle)
    let results = try folder.train(
      runs, data.sources, headsAtOnce: headsAtOnce ?? .max, monitor, output)
    let summary = SweepSummary(programVersion: Program.version, folders: names, results: results)
    try SweepFolder(folder.outputPath).write(summary)
    try StandardOutput.write(
      output.json ? CanonicalJSON.page(summary) : SweepTable.of(summary).text)
    try tellFailures(summary, monitor)
  }

  /// - Throws: where no run is left.
  private func tellFailures(_ summary: SweepSummary, _ monitor: TrainingMonitor) throws(InputError) {
    let failed = summary.failedRuns
    guard let first = failed.first, let reason = first.failure else { return }
    guard failed.count < summary.runs.count else {
      throw InputError(
        folder.outputPath, "none of \(failed.count) runs finished; of the first, \(reason)",
        remedy: "use smaller --blrs, --blr or --lr, and --overwrite")
    }
    monitor.note(
      "\(failed.count) of \(summary.runs.count) runs were given up; of the first, \(first.folder), \(reason)")
  }

  private var configurations: [TrainingConfiguration] {
    var all: [TrainingConfiguration] = []
    var selection = data.selection
    selection.heldOutFraction = heldOutFraction > 0 ? heldOutFraction : nil
    for head in heads.descriptions {
      for rate in baseLearningRates?.elements ?? [protocolOptions.baseLearningRate] {
        for decay in weightDecays?.elements ?? [protocolOptions.weightDecay] {
          for seed in seeds?.elements ?? [protocolOptions.seed] {
            var options = protocolOptions
            options.baseLearningRate = rate
            options.weightDecay = decay
            options.seed = seed
            all.append(options.configuration(head: head, data: selection))
          }
        }
      }
    }
    return all
  }
}

/// The best setting of each head, mean and standard deviation over its seeds.
enum SweepTable {
  static func of(_ summary: SweepSummary) -> Table {
    let isOfSets = summary.runs.contains { $0.final?.validation.meanAveragePrecision != nil }
    let score = isOfSets ? "mAP" : "top-1"
    let hasHeldOut = summary.settings.contains { $0.heldOutScore != nil }
    var table = Table(
      [.text("head"), .number("parameters"), .number("learning rate"), .number("weight decay")]
        + (hasHeldOut ? [.number("held-out \(score) %")] : [])
        + [
          .number("val \(score) %"), .number("val top-5 %"), .number("val loss"), .number("seeds"),
          .number("settings"), .number("given up"),
        ])
    var heads: [HeadDescription] = []
    // A head's selected setting is the first of those that have a score, and its first where none has.
    for setting in summary.settings.filter(\.isSelected) + summary.settings
    where !heads.contains(setting.configuration.head) {
      heads.append(setting.configuration.head)
      let all = summary.settings.filter { $0.configuration.head == setting.configuration.head }
      table.append(
        choice(setting) + (hasHeldOut ? [percentage(setting.heldOutScore)] : []) + [
          percentage(setting.validationScore), percentage(setting.validationTop5),
          setting.validationLoss?.text(scale: 1, digits: 3) ?? "",
          String(setting.validationScore?.count ?? 0),
          String(all.count), String(all.reduce(0) { $0 + $1.failureCount }),
        ])
    }
    return table
  }

  private static func choice(_ setting: SweepSummary.Setting) -> [String] {
    guard setting.isSelected else { return [setting.name, "", "all given up", ""] }
    return [
      setting.name, setting.parameterCount.map(String.init) ?? "",
      "\(setting.configuration.schedule.peak)", "\(setting.configuration.optimizer.weightDecay)",
    ]
  }

  private static func percentage(_ spread: Spread?) -> String { spread?.text(scale: 100, digits: 1) ?? "" }
}
