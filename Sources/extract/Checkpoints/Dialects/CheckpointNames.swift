/// The names of a checkpoint's weights, and the places among them where an encoder may be.
struct CheckpointNames {
  /// Sorted.
  let names: [String]
  /// The keys that lead to these names in the file.
  private let path: [Substring]
  /// The keys at the file's top, where the weights are below one of them.
  private let fileKeys: Set<String>
  private let entries: [String: StateDictionary.Entry]
  /// For every ending that dialects and other models are told by, the names that have it.
  private let namesByEnding: [Substring: [String]]
  private let placesByAnchor: [String: [EncoderPlace]]

  init(_ dictionary: StateDictionary) {
    names = dictionary.entries.keys.sorted()
    path = dictionary.key.map { $0.split(separator: ".") } ?? []
    fileKeys = dictionary.fileKeys
    entries = dictionary.entries
    // One look at every name: a stranger's file may have very many.
    let wanted = Set((Dialect.endings + ForeignArchitecture.endings).map { Substring($0) })
    let mostParts = wanted.map { $0.split(separator: ".").count }.max() ?? 0
    var found: [Substring: [String]] = [:]
    for name in names {
      for part in name.split(separator: ".", omittingEmptySubsequences: false).suffix(mostParts) {
        let ending = name[part.startIndex...]
        if wanted.contains(ending) { found[ending, default: []].append(name) }
      }
    }
    namesByEnding = found
    var places: [String: [EncoderPlace]] = [:]
    for anchor in Set(Dialect.all.map(\.anchor)) {
      places[anchor] = Self.places(of: anchor, names: found[Substring(anchor)] ?? [], path: path)
    }
    placesByAnchor = places
  }

  /// The names that are these parts, or end in them.
  func names(endingIn ending: String) -> [String] { namesByEnding[Substring(ending)] ?? [] }

  /// No file of anybody's holds more encoders; each is looked at closely.
  private static let mostPlaces = 16

  /// What stands before an anchor, best place first.
  func places(of anchor: String) -> [EncoderPlace] { placesByAnchor[anchor] ?? [] }

  private static func places(of anchor: String, names: [String], path: [Substring]) -> [EncoderPlace] {
    let places = names.map { EncoderPlace(prefix: String($0.dropLast(anchor.count)), path: path) }
      .sorted { ($0.rank, $0.prefix.utf8.count, $0.prefix) < ($1.rank, $1.prefix.utf8.count, $1.prefix) }
    return Array(places.prefix(mostPlaces))
  }

  func holds(_ mark: Dialect.Mark, at place: EncoderPlace) -> Bool {
    switch mark {
    case .has(let name): entries[place.prefix + name] != nil
    case .hasAny(let names): names.contains { entries[place.prefix + $0] != nil }
    case .lacks(let name): entries[place.prefix + name] == nil
    case .axes(let name, let count): shape(name, at: place)?.count == count
    case .gated(let first, let second): isGated(shape(first, at: place), shape(second, at: place))
    case .beside(let ending):
      names(endingIn: ending).contains { place.prefix.isEmpty || !$0.hasPrefix(place.prefix) }
    case .under(let words): place.words.contains { words.contains(String($0)) }
    case .fileHas(let keys): keys.contains(where: fileKeys.contains)
    }
  }

  private func shape(_ name: String, at place: EncoderPlace) -> [Int]? {
    if case .weight(let weight) = entries[place.prefix + name] { weight.shape } else { nil }
  }

  private func isGated(_ first: [Int]?, _ second: [Int]?) -> Bool {
    guard let first, let second, first.count == 2, second.count == 2 else { return false }
    return first[0].isMultiple(of: 2) && first[0] / 2 == second[1]
  }
}
