import Files

/// The list of the files that a checkpoint was split into, as Hugging Face's libraries write it
/// (`model.safetensors.index.json`): `{"metadata": {...}, "weight_map": {"tensor": "file", ...}}`.
public struct WeightIndex: Sendable {
  /// The files' names in their order, each once. They lie beside the index: none leads to another folder.
  public let fileNames: [String]
  /// The place in ``fileNames`` of each tensor's file.
  public let filePositions: [String: Int]

  /// Far above what any model is split into.
  private static let mostFiles = 1 << 12
  private static let mostTensors = 1 << 18
  private static let longestFile = 16 << 20

  /// - Throws: ``InputError`` where the text is no such list, or where a name in it is none of a file beside it.
  public init(_ file: MappedFile) throws(InputError) {
    guard file.bytes.count <= Self.longestFile else {
      throw InputError(
        file.path, "has \(file.bytes.count) bytes, too many for the index of a split checkpoint")
    }
    let files: [String: String]
    do throws(JSONScanner.Malformed) {
      files = try Self.read(file.bytes)
    } catch {
      throw InputError(
        file.path, "is no index of a split checkpoint: \(error.reason) (byte \(error.offset))",
        remedy: "name the file with the weights, or copy or download the index again")
    }
    fileNames = Set(files.values).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    guard fileNames.count <= Self.mostFiles else {
      throw InputError(file.path, "lists \(fileNames.count) files, more than any checkpoint is split into")
    }
    let positions = Dictionary(uniqueKeysWithValues: zip(fileNames, 0...))
    filePositions = files.mapValues { positions[$0]! }
  }

  private static func read(_ text: UnsafeRawBufferPointer) throws(JSONScanner.Malformed) -> [String: String] {
    var scanner = JSONScanner(text)
    var files: [String: String]?
    try scanner.object { (scanner, key) throws(JSONScanner.Malformed) in
      guard key == "weight_map" else { return try scanner.skipValue() }
      guard files == nil else { throw scanner.malformed("weight_map is there twice") }
      files = try readFiles(&scanner)
    }
    try scanner.end()
    guard let files, !files.isEmpty else { throw scanner.malformed("it has no weight_map") }
    return files
  }

  private static func readFiles(
    _ scanner: inout JSONScanner
  ) throws(JSONScanner.Malformed) -> [String: String] {
    var files: [String: String] = [:]
    try scanner.object { (scanner, key) throws(JSONScanner.Malformed) in
      let name = try scanner.string()
      guard isFileName(name) else {
        throw scanner.malformed("\"\(shortened(name))\" is no name of a file beside the index")
      }
      guard files.updateValue(name, forKey: key) == nil else {
        throw scanner.malformed("the tensor \"\(shortened(key))\" is there twice")
      }
      guard files.count <= mostTensors else {
        throw scanner.malformed("it lists more than \(mostTensors) tensors")
      }
    }
    return files
  }

  /// Whether a name is one of a file in the same folder, on every system.
  private static func isFileName(_ name: String) -> Bool {
    !["", ".", ".."].contains(name)
      && !name.unicodeScalars.contains {
        ["/", "\\", ":"].contains($0) || $0.properties.generalCategory == .control
      }
  }
}
