import Evaluation
import Heads
import Reading
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

  /// `56.7`, or of several values `56.7 ± 0.3`.
  public func text(scale: Double, digits: Int) -> String {
    let mean = NumberText.fixed(scale * mean, digits)
    return count > 1 ? "\(mean) ± \(NumberText.fixed(scale * deviation, digits))" : mean
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
  /// Of the training cache.
  public var encoderSettings: EncoderSettings?
  public var train: RunSummary.Cache
  public var validation: RunSummary.Cache
  public var runs: [Run]
  /// The best first: those of which fewer runs were given up, then by the held-out images, and where none were held out in
  /// the order of the runs.
  public var settings: [Setting]

  enum CodingKeys: String, CodingKey {
    case train, validation, runs, settings
    case programVersion = "program_version"
    case encoderSettings = "encoder_settings"
  }

  /// - Parameters:
  ///   - folders: of the runs, by their names in the sweep's folder.
  ///   - results: one a run, at least one.
  public init(programVersion: String, folders: [String], results: [RunResult]) {
    self.programVersion = programVersion
    (encoderSettings, train, validation) =
      switch results[0] {
      case .finished(let summary): (summary.encoderSettings, summary.train, summary.validation)
      case .failed(let failure): (failure.encoderSettings, failure.train, failure.validation)
      }
    runs = zip(folders, results).map { folder, result in
      switch result {
      case .finished(let summary):
        Run(
          folder: folder, configuration: summary.configuration, parameterCount: summary.parameterCount,
          final: summary.final)
      case .failed(let failure):
        Run(folder: folder, configuration: failure.configuration, failure: failure.reason)
      }
    }
    settings = Self.settings(runs)
  }

  /// Runs that were given up.
  public var failedRuns: [Run] { runs.filter { $0.failure != nil } }

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
      ($0.element.failureCount, -($0.element.heldOutScore?.mean ?? 0), $0.offset)
        < ($1.element.failureCount, -($1.element.heldOutScore?.mean ?? 0), $1.offset)
    }.map(\.element)
    var heads: [HeadDescription] = []
    for index in settings.indices where settings[index].validationScore != nil {
      guard !heads.contains(settings[index].configuration.head) else { continue }
      heads.append(settings[index].configuration.head)
      settings[index].isSelected = true
    }
    return settings
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

// MARK: - Tables

extension SweepSummary {
  /// CSV, a line a run.
  var runTable: String {
    var lines = CSV.line([
      "run", "head", "parameters", "amp", "optimizer", "learning_rate", "weight_decay", "seed", "train_loss",
      "train_top1", "held_out_score", "val_score", "val_top5", "val_mean_class_accuracy", "val_loss",
      "failure",
    ])
    for run in runs {
      let final = run.final
      lines += CSV.line(
        [run.folder] + Self.cells(run.configuration, run.parameterCount) + [
          String(run.configuration.seed), text(final?.trainLoss), text(final?.trainTop1),
          text(final?.heldOut?.score), text(final?.validation.score), text(final?.validation.top5),
          text(final?.validation.meanClassAccuracy), text(final?.validation.loss), run.failure ?? "",
        ])
    }
    return lines
  }

  /// CSV, a line a setting, the best first: means and sample standard deviations over its seeds.
  var settingTable: String {
    let measures = ["held_out_score", "val_score", "val_top5", "val_loss"]
    var lines = CSV.line(
      [
        "head", "parameters", "amp", "optimizer", "learning_rate", "weight_decay", "n", "failures",
        "selected",
      ]
        + measures.flatMap { [$0 + "_mean", $0 + "_deviation"] })
    for setting in settings {
      let spreads = [
        setting.heldOutScore, setting.validationScore, setting.validationTop5, setting.validationLoss,
      ]
      lines += CSV.line(
        Self.cells(setting.configuration, setting.parameterCount) + [
          String(setting.validationScore?.count ?? 0), String(setting.failureCount),
          String(setting.isSelected),
        ] + spreads.flatMap { [text($0?.mean), text($0?.deviation)] })
    }
    return lines
  }

  private static func cells(_ configuration: TrainingConfiguration, _ parameterCount: Int?) -> [String] {
    [
      configuration.head.name, parameterCount.map(String.init) ?? "", configuration.products.rawValue,
      configuration.optimizer.algorithm.rawValue, "\(configuration.schedule.peak)",
      "\(configuration.optimizer.weightDecay)",
    ]
  }

  private func text(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
}
