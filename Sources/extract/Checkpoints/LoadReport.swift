/// What was made of a checkpoint: for its user to read, and to be kept with what is computed from it.
public struct LoadReport: Codable, Equatable, Sendable {
  /// A key of the file that is not used, and why.
  public struct DroppedKey: Codable, Equatable, Sendable {
    public let key: String
    public let reason: String
  }

  /// A value that weights cannot reveal, and where it is from.
  public struct Setting: Codable, Equatable, Sendable {
    public let name: String
    public let value: String
    public let origin: String
  }

  /// In the order of their keys.
  public internal(set) var dropped: [DroppedKey] = []
  public internal(set) var settings: [Setting] = []
  /// Everything else worth knowing, a sentence each.
  public internal(set) var notes: [String] = []

  /// One line each for settings, for the reasons of dropping keys, and for notes.
  public var lines: [String] {
    let reasons = Dictionary(grouping: dropped, by: \.reason).sorted { $0.key < $1.key }
    return settings.map { "\($0.name) \($0.value): \($0.origin)" }
      + reasons.map { reason, keys in "not used, \(reason): \(excerpt(keys.map(\.key)))" } + notes
  }
}
