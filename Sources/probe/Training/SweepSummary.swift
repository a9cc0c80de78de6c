import Evaluation
import Files
import Heads
import Reporting

/// A number that several seeds gave.
public struct Spread: Codable, Equatable, Sendable {
  public var mean: Double
  /// The sample standard deviation, over n - 1; 0 where there is one value.
  public var deviation: Double
  /// n
  public var count: Int

  /// - Returns: nil where there are no values.
  public init?(_ values: [Double]) {
    guard !values.isEmpty else { return nil }
    count = values.count
    let mean = values.reduce(0, +) / Double(values.count)
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    self.mean = mean
    deviation = values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : 0
  }
}

/// What a sweep came to: every run, and every setting over its seeds.
public struct SweepSummary: Codable, Equatable, Sendable {
  /// One head of one seed.
  public struct Run: Codable, Equatable, Sendable {
    /// Of the sweep's folder.
    public var folder: String
    public var configuration: TrainingConfiguration
    public var parameterCount: Int?
    public var final: EpochRecord?
    /// Why the head was given up.
    public var failure: String?

    enum CodingKeys: String, CodingKey {
      case folder, configuration, final, failure
      case parameterCount = "parameters"
    }
  }

  /// What runs have in common that differ in their seed alone.
  public struct Setting: Codable, Equatable, Sendable {
    /// Of the head.
    public var name: String
    /// With the first of the seeds.
    public var configuration: TrainingConfiguration
    public var parameterCount: Int?
    /// Of the runs.
    public var folders: [String]
    /// Runs that were given up.
    public var failureCount: Int
    /// What the setting is chosen by, on the images that were held out of the training cache: top-1, or mean average
    /// precision where images have several labels; nil where none were held out.
    public var heldOutScore: Spread?
    /// On the validation images, likewise.
    public var validationScore: Spread?
    public var validationTop5: Spread?
    public var validationLoss: Spread?
    /// Whether it is the best of its head's settings.
    public var isSelected: Bool

    enum CodingKeys: String, CodingKey {
      case name, configuration, folders
      case parameterCount = "parameters"
      case failureCount = "failures"
      case heldOutScore = "held_out_score"
      case validationScore = "validation_score"
      case validationTop5 = "validation_top5"
      case validationLoss = "validation_loss"
      case isSelected = "selected"
    }
  }

  public var programVersion: String
  public var runs: [Run]
  /// The best first: by the held-out images, and where none were held out in the order of the runs.
  public var settings: [Setting]

  enum CodingKeys: String, CodingKey {
    case runs, settings
    case programVersion = "program_version"
  }

  /// - Parameter folders: of the runs, by their names in the sweep's folder.
  public init(programVersion: String, folders: [String], runs: [PlannedRun], results: [RunResult]) {
    self.programVersion = programVersion
    self.runs = zip(folders, zip(runs, results)).map { folder, pair in
      switch pair.1 {
      case .finished(let summary):
        Run(
          folder: folder, configuration: pair.0.configuration, parameterCount: summary.parameterCount,
          final: summary.final)
      case .failed(let reason): Run(folder: folder, configuration: pair.0.configuration, failure: reason)
      }
    }
    settings = Self.settings(self.runs)
  }

  private static func settings(_ runs: [Run]) -> [Setting] {
    var groups: [(key: TrainingConfiguration, runs: [Run])] = []
    for run in runs {
      var key = run.configuration
      key.seed = 0
      if let index = groups.firstIndex(where: { $0.key == key }) {
        groups[index].runs.append(run)
      } else {
        groups.append((key, [run]))
      }
    }
    var settings = groups.map { setting($0.runs) }
    // Stable: of equals, the one that the grid names first comes first.
    settings = settings.enumerated().sorted {
      let (a, b) = (score($0.element), score($1.element))
      return a > b || (a == b && $0.offset < $1.offset)
    }.map(\.element)
    var heads: [HeadDescription] = []
    for index in settings.indices where !heads.contains(settings[index].configuration.head) {
      heads.append(settings[index].configuration.head)
      settings[index].isSelected = settings[index].validationScore != nil
    }
    return settings
  }

  /// Settings of which a seed failed come after those of which none did.
  private static func score(_ setting: Setting) -> Double {
    guard setting.failureCount == 0 else { return -1 }
    return setting.heldOutScore?.mean ?? 0
  }

  private static func setting(_ runs: [Run]) -> Setting {
    let records = runs.compactMap(\.final)
    return Setting(
      name: runs[0].configuration.head.name, configuration: runs[0].configuration,
      parameterCount: runs.compactMap(\.parameterCount).first, folders: runs.map(\.folder),
      failureCount: runs.count { $0.failure != nil },
      heldOutScore: Spread(records.compactMap { $0.heldOut?.score }),
      validationScore: Spread(records.map(\.validation.score)),
      validationTop5: Spread(records.map(\.validation.top5)),
      validationLoss: Spread(records.map(\.validation.loss)), isSelected: false)
  }
}

/// The files of a sweep's folder, beside its runs' folders.
public struct SweepFolder: Sendable {
  public let path: String

  public init(_ path: String) { self.path = path }

  public var summaryFile: String { path + "/sweep.json" }
  public var tableFile: String { path + "/sweep.csv" }

  /// The name of a run's folder: its number and its head.
  public static func runName(_ number: Int, of count: Int, _ head: HeadDescription) -> String {
    let digits = String(count - 1).count
    let padded = String(repeating: "0", count: digits - String(number).count) + String(number)
    let word = head.name.map { $0.isLetter || $0.isNumber ? $0 : "-" }
    return "runs/\(padded)-\(String(word))"
  }

  public func write(_ summary: SweepSummary) throws(InputError) {
    var lines = CSV.line([
      "run", "head", "parameters", "optimizer", "learning_rate", "weight_decay", "seed", "train_loss",
      "train_top1", "held_out_score", "val_score", "val_top5", "val_mean_class_accuracy", "val_loss",
      "failure",
    ])
    for run in summary.runs {
      let (configuration, final) = (run.configuration, run.final)
      func text(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
      lines += CSV.line([
        run.folder, configuration.head.name, run.parameterCount.map(String.init) ?? "",
        configuration.optimizer.algorithm.rawValue, text(configuration.schedule.peak),
        "\(configuration.optimizer.weightDecay)", String(configuration.seed), text(final?.trainLoss),
        text(final?.trainTop1), text(final?.heldOut?.score), text(final?.validation.score),
        text(final?.validation.top5), text(final?.validation.meanClassAccuracy), text(final?.validation.loss),
        run.failure ?? "",
      ])
    }
    try AtomicFile.write(lines, to: tableFile)
    try AtomicFile.write(try CanonicalJSON.page(summary), to: summaryFile)
  }
}
