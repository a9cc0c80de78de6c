import Files
import Training

/// Runs as a competition: each head on each encoder with the best of the settings that it was trained with.
public struct Leaderboard: Sendable {
  /// What runs have in common that differ in their seeds alone.
  public struct Setting: Sendable {
    public let learningRate: Double
    public let weightDecay: Float
    /// Those that were not given up, in their order.
    public let runs: [ReportedRun]
    public let failureCount: Int

    /// What the setting is chosen by: the score on held-out training images; nil where none were held out.
    public var heldOutScore: Spread? { Spread(runs.compactMap { $0.summary?.final.heldOut?.score }) }
    /// Top-1, or the mean average precision where images have several labels, on the validation images.
    public var score: Spread? { spread(\.validation.score) }

    /// - Returns: nil where no run is left, or none has the value.
    public func spread(_ value: (EpochRecord) -> Double?) -> Spread? {
      Spread(runs.compactMap { $0.summary.flatMap { value($0.final) } })
    }

    public func spread(_ value: KeyPath<EpochRecord, Double>) -> Spread? { spread { $0[keyPath: value] } }

    /// Of training, without the validation.
    public var seconds: Spread? { Spread(runs.map { $0.records.reduce(0) { $0 + $1.seconds } }) }
  }

  /// How a setting was chosen among several.
  public enum Choice: String, Codable, Sendable {
    /// There is one.
    case only
    case heldOut = "held_out"
    /// On the images that it is measured on, as none were held out, which flatters.
    case validation
  }

  /// One head on one encoder.
  public struct Entry: Sendable {
    public let encoder: String
    /// Of the head, and what tells it from others of its name on the same encoder.
    public let head: String
    public let parameterCount: Int
    /// All that were tried, in the order of the runs.
    public let settings: [Setting]
    /// The number of the best one, which has a score.
    public let chosenNumber: Int
    public let choice: Choice

    public var chosen: Setting { settings[chosenNumber] }
    public var score: Spread { chosen.score! }
    public var summary: RunSummary { chosen.runs[0].summary! }
    /// Seeds of which the head was given up, with whatever setting.
    public var failureCount: Int { settings.reduce(0) { $0 + $1.failureCount } }
  }

  /// The best first.
  public let entries: [Entry]
  /// What no seed's head is left of.
  public let lostHeads: [String]

  /// - Parameter runs: of which one at least has a head.
  public init(_ runs: [ReportedRun]) throws(InputError) {
    var groups: [(key: String, runs: [ReportedRun])] = []
    for run in runs {
      let key = try Self.key(run)
      if let index = groups.firstIndex(where: { $0.key == key }) {
        groups[index].runs.append(run)
      } else {
        groups.append((key, [run]))
      }
    }
    let heads = Self.heads(groups.map(\.runs))
    var entries: [Entry] = []
    var lost: [String] = []
    for (group, head) in zip(groups, heads) {
      if let entry = Self.entry(group.runs, head: head) { entries.append(entry) } else { lost.append(head) }
    }
    // Stable: of equals, the one that was named first comes first.
    self.entries = entries.enumerated().sorted {
      (-$0.element.score.mean, $0.offset) < (-$1.element.score.mean, $1.offset)
    }.map(\.element)
    lostHeads = lost
  }

  /// All that two runs of one entry have in common: everything but learning rate, weight decay and seeds.
  private static func key(_ run: ReportedRun) throws(InputError) -> String {
    var configuration = run.configuration
    (configuration.seed, configuration.orderSeed) = (0, 0)
    configuration.schedule.peak = 0
    configuration.optimizer.weightDecay = 0
    let caches = run.caches
    return [
      run.encoder, try CanonicalJSON.text(configuration), caches.train.manifestSHA256,
      caches.validation.manifestSHA256,
    ].joined(separator: "\n")
  }

  private static func heads(_ groups: [[ReportedRun]]) -> [String] {
    let names = groups.map { $0[0].configuration.head.name }
    var heads = names
    for encoder in Set(groups.map { $0[0].encoder }) {
      let own = groups.indices.filter { groups[$0][0].encoder == encoder }
      let distinct = DistinctNames.of(own.map { (names[$0], qualifiers(groups[$0][0])) })
      for (index, name) in zip(own, distinct) { heads[index] = name }
    }
    return heads
  }

  /// What heads of one name may differ in; the folder at last, which always does.
  private static func qualifiers(_ run: ReportedRun) -> [String] {
    let (configuration, caches) = (run.configuration, run.caches)
    let data = configuration.data
    return [
      "\(configuration.epochs) epochs", configuration.products.rawValue,
      configuration.optimizer.algorithm.rawValue,
      data.fraction.map { "\($0) of the images" } ?? data.shots.map { "\($0) shots" } ?? "all images",
      "batches of \(configuration.batchSize)", Folder.lastPart(caches.train.path),
      Folder.lastPart(caches.validation.path),
      caches.train.labelFile.map(Folder.lastPart) ?? "", Folder.lastPart(run.path), run.path,
    ]
  }

  private static func entry(_ runs: [ReportedRun], head: String) -> Entry? {
    var groups: [(rate: Double, decay: Float, runs: [ReportedRun])] = []
    for run in runs {
      let rate = run.configuration.schedule.peak
      let decay = run.configuration.optimizer.weightDecay
      if let index = groups.firstIndex(where: { $0.rate == rate && $0.decay == decay }) {
        groups[index].runs.append(run)
      } else {
        groups.append((rate, decay, [run]))
      }
    }
    let settings = groups.map { group in
      Setting(
        learningRate: group.rate, weightDecay: group.decay, runs: group.runs.filter { $0.summary != nil },
        failureCount: group.runs.count { $0.summary == nil })
    }
    let candidates = settings.indices.filter { settings[$0].score != nil }
    let areHeldOut = candidates.allSatisfy { settings[$0].heldOutScore != nil }
    func rank(_ number: Int) -> (Int, Double, Int) {
      let score = areHeldOut ? settings[number].heldOutScore : settings[number].score
      return (settings[number].failureCount, -score!.mean, number)
    }
    guard let chosen = candidates.min(by: { rank($0) < rank($1) }) else { return nil }
    return Entry(
      encoder: runs[0].encoder, head: head,
      parameterCount: settings[chosen].runs[0].summary!.parameterCount, settings: settings,
      chosenNumber: chosen, choice: settings.count == 1 ? .only : areHeldOut ? .heldOut : .validation)
  }
}

extension Leaderboard {
  /// Of the entries, in their order.
  public var encoders: [String] {
    entries.map(\.encoder).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// What an entry is called in figures: its head, behind the encoder's name where there are several.
  public func name(_ entry: Entry) -> String {
    encoders.count > 1 ? "\(entry.encoder): \(entry.head)" : entry.head
  }

  /// Whether entries are compared by their mean average precision.
  public var isOfSets: Bool { entries.contains { $0.summary.final.validation.meanAveragePrecision != nil } }

  /// "top-1" or "mAP".
  var scoreName: String { isOfSets ? "mAP" : "top-1" }

  /// Whether all were measured on as many images of the same classes, as entries must be to be compared.
  public var isFair: Bool {
    let first = entries[0].summary
    return entries.allSatisfy {
      $0.summary.validation.images == first.validation.images
        && Set($0.summary.layout.classNames) == Set(first.layout.classNames)
    }
  }
}
