import Files

/// The names under which timm publishes weights of Vision Transformers, and the repositories that they mean.
///
/// The table is made of timm's own by tools/reference/model_names.py. Tags that came later are looked for on the hub all
/// the same.
package struct TimmNames: Sendable {
  package struct Architecture: Sendable {
    package let name: String
    /// Of the encoder, without a classifier.
    package let parameterCount: Int
    /// timm's default first.
    package let tags: [(name: String, repository: Repository)]
  }

  /// In the order of the table.
  package let architectures: [Architecture]

  package static let published = TimmNames(
    table: String(decoding: PackageResources.timm_models_txt, as: UTF8.self))

  init(table: String) {
    architectures = table.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ").map(String.init)
      guard !line.hasPrefix("#"), words.count > 2, let count = Int(words[1]) else { return nil }
      let tags = words[2...].compactMap { word -> (name: String, repository: Repository)? in
        let parts = word.split(separator: "=").map(String.init)
        let repository = parts.count > 1 ? parts[1] : "timm/\(words[0]).\(word)"
        return (try? Repository(repository)).map { (parts[0], $0) }
      }
      return Architecture(name: words[0], parameterCount: count, tags: tags)
    }
  }

  /// What a name means.
  struct Meaning: Sendable {
    let repository: Repository
    /// Where the name left something to timm: what it chooses.
    let note: String?
    /// What else the name could have been, where the repository turns out not to exist.
    let alternatives: String?
  }

  /// - Returns: nil for what is no name in timm's manner.
  func meaning(of name: String) -> Meaning? {
    let parts = name.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let architecture = architectures.first { $0.name == parts[0] }
    guard parts.count == 2 else {
      return architecture.map { architecture in
        let tag = architecture.tags[0]
        return Meaning(
          repository: tag.repository,
          note: "\(name) is \(architecture.name).\(tag.name), timm's default of \(tags(of: architecture))",
          alternatives: nil)
      }
    }
    let known = architecture?.tags.first { $0.name == parts[1] }?.repository
    guard isFamily(parts[0]), let repository = known ?? (try? Repository("timm/\(name)")) else { return nil }
    let alternatives = architecture.map { "the tags of \($0.name) that are known here: \(tags(of: $0))" }
    return Meaning(
      repository: repository, note: nil,
      alternatives: known == nil ? alternatives ?? suggestion(for: parts[0]) : nil)
  }

  /// The names nearest to a mistyped one, as a sentence; nil where none is near.
  func suggestion(for name: String) -> String? {
    let wanted = Array(name.prefix { $0 != "." }.utf8.prefix(64))
    let near = architectures.map { ($0.name, distance: editDistance(wanted, Array($0.name.utf8))) }
      .filter { $0.distance <= max(1, wanted.count / 6) }
      .sorted { ($0.distance, $0.0) < ($1.distance, $1.0) }
    return near.isEmpty ? nil : "did you mean \(near.prefix(3).map(\.0).joined(separator: ", "))?"
  }

  private func tags(of architecture: Architecture) -> String {
    architecture.tags.map(\.name).joined(separator: ", ")
  }

  /// Whether a name begins as one of the architectures does, as in `vit_` or `beit_`.
  private func isFamily(_ name: String) -> Bool {
    let family = name.prefix { $0 != "_" }
    return architectures.contains { $0.name.prefix { $0 != "_" } == family }
  }
}

/// Levenshtein's: the insertions, deletions and replacements between two texts.
private func editDistance(_ first: [UInt8], _ second: [UInt8]) -> Int {
  var row = Array(0...second.count)
  for (index, byte) in first.enumerated() {
    var diagonal = row[0]
    row[0] = index + 1
    for column in second.indices {
      let replaced = diagonal + (byte == second[column] ? 0 : 1)
      diagonal = row[column + 1]
      row[column + 1] = min(replaced, row[column] + 1, row[column + 1] + 1)
    }
  }
  return row[second.count]
}
