import Compute
import Files
import Tensors

/// A model's weights by name, as a checkpoint holds them. No bytes are read before a weight is loaded.
struct StateDictionary {
  /// One value of the dictionary.
  enum Entry {
    case weight(Weight)
    /// Something else, in words.
    case other(String)
  }

  struct Weight {
    let shape: [Int]
    /// Nil for a type that has no counterpart here.
    let elementType: ElementType?
    let typeName: String
    let load: () throws(InputError) -> Tensor

    var byteCount: Int? {
      guard let elementType else { return nil }
      var product = elementType.byteCount
      for length in shape {
        let (next, overflows) = product.multipliedReportingOverflow(by: length)
        guard !overflows else { return nil }
        product = next
      }
      return product
    }
  }

  var entries: [String: Entry]
  /// The key below which the dictionary was found; nil where it is the whole file.
  let key: String?
  /// The keys at the file's top, if the dictionary is below one of them.
  let fileKeys: Set<String>

  /// - Parameter key: where the dictionary is, with points between the keys of nested dictionaries; nil for the usual
  ///   places.
  init(_ files: CheckpointFiles, key: String?) throws(InputError) {
    if let index = files.index {
      try self.init(parts: files.parts, index, path: files.path, key: key)
    } else {
      try self.init(files.parts[0], key: key)
    }
    // Whatever looks for a beginning of names, once or many times, takes a time that is in proportion to the file.
    if let name = entries.keys.first(where: { $0.utf8.count > Self.longestName }) {
      throw InputError(
        files.path, "has a name of \(name.utf8.count) bytes, which no weight has: \(shortened(name))")
    }
  }

  /// In bytes.
  private static let longestName = 1 << 10

  private init(_ part: CheckpointFiles.Part, key: String?) throws(InputError) {
    let file = part.file
    switch part.format {
    case .safetensors:
      let entries = try Safetensors.read(file).tensors.mapValues(Entry.init)
      try self.init(flat: entries, path: file.path, key: key)
    case .zippedTorch: try self.init(torch: ZippedTorchFile(file), key: key)
    case .legacyTorch(let start): try self.init(torch: LegacyTorchFile(file, from: start), key: key)
    case .index: preconditionFailure("\(file.path) is an index, which holds no weights")
    }
  }
}

// MARK: - Flat dictionaries

extension StateDictionary {
  /// A dictionary of names alone, as safetensors files and split checkpoints are; a key selects the names that begin with
  /// it.
  private init(flat entries: [String: Entry], path: String, key: String?) throws(InputError) {
    self.key = key
    fileKeys = []
    guard let key else {
      self.entries = entries
      return
    }
    let selected = entries.filter { $0.key.hasPrefix(key + ".") }
    guard !selected.isEmpty else {
      throw InputError(
        "--checkpoint-key \(key)", "no tensor of \(path) has a name that begins with \"\(key).\"",
        remedy: "its names are \(excerpt(entries.keys.sorted()))")
    }
    self.entries = Dictionary(
      uniqueKeysWithValues: selected.map { (String($0.key.dropFirst(key.count + 1)), $0.value) })
  }

  /// The parts' weights together: just those that the index lists, each in the file that it says.
  private init(
    parts: [CheckpointFiles.Part], _ index: WeightIndex, path: String, key: String?
  ) throws(InputError) {
    var entries: [String: Entry] = [:]
    for (position, part) in parts.enumerated() {
      let inPart = try StateDictionary(part, key: nil).entries
      let unlisted = inPart.keys.filter { index.filePositions[$0] != position }.sorted()
      guard unlisted.isEmpty else {
        throw InputError(
          part.file.path, "holds what \(path) does not say that it holds: \(excerpt(unlisted))",
          remedy: "copy or download all parts and their index again")
      }
      entries.merge(inPart) { first, _ in first }
    }
    let missing = index.filePositions.keys.filter { entries[$0] == nil }.sorted()
    guard missing.isEmpty else {
      throw InputError(
        path, "lists tensors that are not in their files: \(excerpt(missing))",
        remedy: "copy or download all parts and their index again")
    }
    try self.init(flat: entries, path: path, key: key)
  }
}

extension StateDictionary.Entry {
  fileprivate init(_ tensor: Tensor) {
    self = .weight(
      StateDictionary.Weight(
        shape: tensor.shape, elementType: tensor.elementType, typeName: tensor.elementType.rawValue,
        load: { () throws(InputError) in tensor }))
  }
}
