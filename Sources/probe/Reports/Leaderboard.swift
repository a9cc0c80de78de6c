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

    /// Of training, without the validation; nil where no run has its records.
    public var seconds: Spread? {
      Spread(runs.filter { !$0.records.isEmpty }.map { $0.records.reduce(0) { $0 + $1.seconds } })
    }
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
  /// Runs that are the same as one before them, in every setting and seed.
  public let repeatedRuns: [String]

  /// - Parameter runs: of which one at least has a head.
  /// - Throws: where heads of images with one label and with several would be compared.
  public init(_ runs: [ReportedRun]) throws(InputError) {
    try Self.refuseMixture(runs)
    var groups: [(key: String, runs: [ReportedRun])] = []
    var repeated: [String] = []
    for run in runs {
      let key = try Self.key(run)
      if let group = groups.first(where: { $0.key == key }),
        group.runs.contains(where: { $0.configuration == run.configuration })
      {
        repeated.append(run.path)
        continue
      }
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
    repeatedRuns = repeated
  }

  private static func refuseMixture(_ runs: [ReportedRun]) throws(InputError) {
    func areOfSets(_ run: ReportedRun) -> Bool? {
      run.summary.map { $0.final.validation.meanAveragePrecision != nil }
    }
    guard let one = runs.first(where: { areOfSets($0) == true }),
      let other = runs.first(where: { areOfSets($0) == false })
    else { return }
    throw InputError(
      one.path, "is of images with several labels each, and \(other.path) of images with one",
      remedy: "report them apart")
  }

  /// All that two runs of one entry have in common: everything but learning rate, weight decay and seeds.
  private static func key(_ run: ReportedRun) throws(InputError) -> String {
    let caches = run.caches
    return [
      run.encoder, try CanonicalJSON.text(run.sharedConfiguration), caches.train.manifestSHA256,
      caches.validation.manifestSHA256,
    ].joined(separator: "\n")
  }

  private static func heads(_ groups: [[ReportedRun]]) -> [String] {
    var heads = groups.map { name($0[0]) }
    for encoder in Set(groups.map { $0[0].encoder }) {
      let own = groups.indices.filter { groups[$0][0].encoder == encoder }
      let settings = own.map { Self.settings(groups[$0][0]) }
      let names = Set(settings.flatMap(\.keys)).sorted()
      let distinct = DistinctNames.of(
        own.enumerated().map { number, index in
          (heads[index], names.map { settings[number][$0] ?? "" } + folders(groups[index][0]))
        })
      for (index, name) in zip(own, distinct) { heads[index] = name }
    }
    return heads
  }

  /// The head's name, and where its features are of another encoder, too, whose.
  private static func name(_ run: ReportedRun) -> String {
    let cache = run.caches.validation
    func others(_ paths: [String]?) -> String? { paths?.map(Folder.lastPart).joined(separator: ", ") }
    return run.configuration.head.name
      + (others(cache.besideCaches).map { " beside \($0)" } ?? "")
      + (others(cache.attentionCaches).map { " by \($0)" } ?? "")
  }

  /// What heads of one name may differ in, by its path, as people read it: `epochs 90`. Hashes tell people nothing.
  private static func settings(_ run: ReportedRun) -> [String: String] {
    let flattened = SettingDifferences.flattened(run.sharedConfiguration)
      .filter { name, _ in !["sha256", "train", "validation"].contains { name.hasSuffix($0) } }
    return Dictionary(
      uniqueKeysWithValues: flattened.map { path, value in
        let name = path.split(separator: ".").last!.replacing("_", with: " ")
        return (path, "\(name) \(value)")
      })
  }

  /// The run's own at last, which always differs.
  private static func folders(_ run: ReportedRun) -> [String] {
    let caches = run.caches
    return [caches.train.path, caches.validation.path, caches.train.labelFile ?? "", run.path].map(
      Folder.lastPart)
      + [run.path]
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
