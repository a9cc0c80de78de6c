/// What was made of a checkpoint: for its user to read, and to be kept with what is computed from it.
public struct LoadReport: Codable, Equatable, Sendable {
  /// A value that weights cannot reveal, and where it is from.
  public struct Setting: Codable, Equatable, Sendable {
    public let name: String
    public let value: String
    public let origin: String
  }

  /// Every key of the state dict and its fate, in the order of their names.
  public internal(set) var keys: [CheckpointKey] = []
  public internal(set) var settings: [Setting] = []
  /// Everything else worth knowing, a sentence each.
  public internal(set) var notes: [String] = []

  init(_ weights: EncoderWeights, settings: [Setting] = [], notes: [String] = []) {
    keys = weights.keys
    self.settings = settings
    self.notes = [weights.recognition] + notes
  }

  /// The keys that are not used.
  public var dropped: [CheckpointKey] { keys.filter { $0.fate == .dropped } }

  /// One line each for settings, for the reasons of dropping keys, and for notes.
  public var lines: [String] {
    let reasons = Dictionary(grouping: dropped) { $0.reason ?? "" }.sorted { $0.key < $1.key }
    return notes + settings.map { "\($0.name) \($0.value): \($0.origin)" }
      + reasons.map { reason, keys in "not used, \(reason): \(excerpt(keys.map(\.key)))" }
  }
}
