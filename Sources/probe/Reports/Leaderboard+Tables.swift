import Reporting
import Training

extension Leaderboard {
  /// The entries, rounded, for people.
  ///
  /// - Parameter withFolders: whether the folder of each entry's first run is told, for the next command.
  public func table(withFolders: Bool = true) -> Table {
    let folder = Column(title: .text("run"), isShown: withFolders) { $1.chosen.runs[0].path }
    let columns = (columns + [folder]).filter(\.isShown)
    var table = Table(columns.map(\.title))
    for (index, entry) in entries.enumerated() { table.append(columns.map { $0.cell(index, entry) }) }
    return table
  }

  private struct Column {
    let title: Table.Column
    var isShown = true
    let cell: (_ index: Int, _ entry: Entry) -> String
  }

  private var columns: [Column] {
    func percentage(_ spread: Spread?) -> String { spread?.text(scale: 100, digits: 1) ?? "" }
    return [
      Column(title: .number("#")) { index, _ in String(index + 1) },
      Column(title: .text("encoder"), isShown: encoders.count > 1) { $1.encoder },
      Column(title: .text("head")) { $1.head },
      Column(title: .number("parameters")) { String($1.parameterCount) },
      Column(title: .number("held-out %"), isShown: entries.contains { $0.chosen.heldOutScore != nil }) {
        percentage($1.chosen.heldOutScore)
      },
      Column(title: .number("mAP %"), isShown: isOfSets) {
        percentage($1.chosen.spread(\.validation.meanAveragePrecision))
      },
      Column(title: .number("top-1 %")) { percentage($1.chosen.spread(\.validation.top1)) },
      Column(title: .number("top-5 %")) { percentage($1.chosen.spread(\.validation.top5)) },
      // Of as many images of each class it is top-1.
      Column(
        title: .number("mean class %"),
        isShown: entries.contains {
          let final = $0.summary.final.validation
          return abs(final.meanClassAccuracy - final.top1) > 0.0005
        }
      ) {
        percentage($1.chosen.spread(\.validation.meanClassAccuracy))
      },
      Column(title: .number("loss")) { $1.chosen.spread(\.validation.loss)?.text(scale: 1, digits: 3) ?? "" },
      Column(title: .number("learning rate")) {
        "\($1.chosen.learningRate)" + ($1.choice == .validation ? " *" : "")
      },
      Column(title: .number("weight decay"), isShown: differ { $0.chosen.weightDecay }) {
        "\($1.chosen.weightDecay)"
      },
      Column(title: .number("seeds"), isShown: differ(\.score.count)) { String($1.score.count) },
      Column(title: .number("settings"), isShown: differ(\.settings.count)) { String($1.settings.count) },
      Column(title: .number("given up"), isShown: entries.contains { $0.failureCount > 0 }) {
        String($1.failureCount)
      },
      Column(title: .number("images"), isShown: !isFair) { String($1.summary.validation.images) },
    ]
  }

  private func differ<Value: Equatable>(_ value: (Entry) -> Value) -> Bool {
    entries.contains { value($0) != value(entries[0]) }
  }

  /// What a reader of the table must know, a sentence each.
  public var notes: [String] {
    var notes: [String] = []
    if entries.contains(where: { $0.score.count > 1 }) {
      let count = differ(\.score.count) ? "" : "\(entries[0].score.count) "
      notes.append("Means over \(count)seeds ± their sample standard deviations.")
    }
    if entries.contains(where: { $0.choice == .heldOut }) {
      let count = differ(\.settings.count) ? "several" : "\(entries[0].settings.count)"
      let isSafe = entries.allSatisfy { $0.failureCount == 0 }
      notes.append(
        "Of \(count) settings of a head the best on held-out training images was chosen"
          + (isSafe ? "." : ", of those first of which the fewest seeds were given up."))
    }
    if entries.contains(where: { $0.choice == .validation }) {
      notes.append(
        "*: chosen on the validation images that it is measured on, as none were held out, which flatters.")
    }
    if !lostHeads.isEmpty {
      notes.append("Given up with every setting: \(lostHeads.joined(separator: "; ")).")
    }
    if !repeatedRuns.isEmpty {
      notes.append("Counted once, as they repeat others: \(repeatedRuns.joined(separator: "; ")).")
    }
    if !isFair {
      notes.append("Not all were measured on the same images and classes, so that they do not compare.")
    }
    return notes
  }

  /// For a terminal.
  public var text: String { table().text + notes.map { $0 + "\n" }.joined() }

  public var markdown: String {
    table(withFolders: false).markdown + notes.map { "\n" + $0 + "\n" }.joined()
  }

  /// The entries with all digits, for programs: a line an entry, as CSV has them.
  public var csv: String {
    let measures: [(name: String, value: (Setting) -> Spread?)] = [
      ("held_out_score", \.heldOutScore), ("val_score", \.score),
      ("val_mean_average_precision", { $0.spread(\.validation.meanAveragePrecision) }),
      ("val_top1", { $0.spread(\.validation.top1) }), ("val_top5", { $0.spread(\.validation.top5) }),
      ("val_mean_class_accuracy", { $0.spread(\.validation.meanClassAccuracy) }),
      ("val_calibration_error", { $0.spread(\.validation.calibrationError) }),
      ("val_loss", { $0.spread(\.validation.loss) }), ("train_loss", { $0.spread(\.trainLoss) }),
      ("train_top1", { $0.spread(\.trainTop1) }), ("training_seconds", \.seconds),
    ]
    var text = CSV.line(
      Self.facts.map(\.name) + measures.flatMap { [$0.name + "_mean", $0.name + "_deviation"] } + ["runs"])
    for (index, entry) in entries.enumerated() {
      var cells = Self.facts.map { $0.value(index, entry) }
      for measure in measures {
        let spread = measure.value(entry.chosen)
        cells += [spread.map { "\($0.mean)" } ?? "", spread.map { "\($0.deviation)" } ?? ""]
      }
      text += CSV.line(cells + [entry.chosen.runs.map(\.path).joined(separator: ";")])
    }
    return text
  }

  private static let facts: [(name: String, value: @Sendable (_ index: Int, _ entry: Entry) -> String)] = [
    ("rank", { index, _ in String(index + 1) }),
    ("encoder", { $1.encoder }),
    ("checkpoint_sha256", { $1.summary.checkpointSHA256 }),
    ("block", { $1.summary.encoderSettings.map { String($0.block) } ?? "" }),
    ("head", { $1.head }),
    ("parameters", { String($1.parameterCount) }),
    ("epochs", { String($1.summary.configuration.epochs) }),
    ("batch_size", { String($1.summary.configuration.batchSize) }),
    ("amp", { $1.summary.configuration.products.rawValue }),
    ("optimizer", { $1.summary.configuration.optimizer.algorithm.rawValue }),
    ("learning_rate", { "\($1.chosen.learningRate)" }),
    ("weight_decay", { "\($1.chosen.weightDecay)" }),
    ("seeds", { String($1.chosen.runs.count) }),
    ("settings", { String($1.settings.count) }),
    ("choice", { $1.choice.rawValue }),
    ("failures", { String($1.failureCount) }),
    ("train_images", { String($1.summary.train.images) }),
    ("val_images", { String($1.summary.validation.images) }),
  ]
}

/// The leaderboard as JSON has it.
public struct LeaderboardRecord: Encodable {
  private struct Entry: Encodable {
    var rank: Int
    var encoder: String
    var checkpointSHA256: String
    var head: String
    var parameters: Int
    var score: Spread
    var heldOutScore: Spread?
    var choice: Leaderboard.Choice
    /// All that were tried, in their order.
    var settings: [Setting]
    var failures: Int
    var trainingSeconds: Spread?
    /// Of the chosen one and its first seed.
    var configuration: TrainingConfiguration
    /// One a seed.
    var runs: [Run]

    enum CodingKeys: String, CodingKey {
      case rank, encoder, head, parameters, score, choice, settings, failures, configuration, runs
      case checkpointSHA256 = "checkpoint_sha256"
      case heldOutScore = "held_out_score"
      case trainingSeconds = "training_seconds"
    }
  }

  private struct Setting: Encodable {
    var learningRate: Double
    var weightDecay: Float
    var score: Spread?
    var heldOutScore: Spread?
    var failures: Int

    enum CodingKeys: String, CodingKey {
      case score, failures
      case learningRate = "learning_rate"
      case weightDecay = "weight_decay"
      case heldOutScore = "held_out_score"
    }
  }

  private struct Run: Encodable {
    var path: String
    var seed: UInt64
    var final: EpochRecord
    var best: EpochRecord
  }

  private let entries: [Entry]
  private let lostHeads: [String]

  enum CodingKeys: String, CodingKey {
    case entries
    case lostHeads = "given_up"
  }

  public init(_ leaderboard: Leaderboard) {
    entries = leaderboard.entries.enumerated().map { index, entry in
      Entry(
        rank: index + 1, encoder: entry.encoder, checkpointSHA256: entry.summary.checkpointSHA256,
        head: entry.head, parameters: entry.parameterCount, score: entry.score,
        heldOutScore: entry.chosen.heldOutScore, choice: entry.choice,
        settings: entry.settings.map {
          Setting(
            learningRate: $0.learningRate, weightDecay: $0.weightDecay, score: $0.score,
            heldOutScore: $0.heldOutScore, failures: $0.failureCount)
        },
        failures: entry.failureCount, trainingSeconds: entry.chosen.seconds,
        configuration: entry.summary.configuration,
        runs: entry.chosen.runs.map { run in
          let summary = run.summary!
          return Run(
            path: run.path, seed: summary.configuration.seed, final: summary.final, best: summary.best)
        })
    }
    lostHeads = leaderboard.lostHeads
  }
}
