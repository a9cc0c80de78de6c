import Files

extension CacheManifest {
  /// Manifests are read whole; a larger file is none.
  private static let maximumByteCount = 1 << 28
  private static let noDigest = String(repeating: "0", count: 64)

  /// Reads the manifest of a cache, complete or partial, and checks that it is consistent in itself. In a partial cache
  /// it lists what is finished by now.
  ///
  /// - Parameter folder: the cache.
  public static func read(_ folder: String) throws(InputError) -> CacheManifest {
    let path = folder + "/" + fileName
    guard Folder.contains(path) else {
      throw InputError(
        folder, "is not a token cache: it has no \(fileName)", remedy: "give the folder that extract wrote")
    }
    let manifest = try read(file: path)
    guard manifest.state == .partial else { return manifest }
    return try settled(folder) { (manifest) throws(InputError) in
      manifest.state == .partial ? try manifest.addingRecords(folder) : manifest
    }
  }

  /// Reads one file that holds a manifest, and checks that it is consistent in itself.
  static func read(file path: String) throws(InputError) -> CacheManifest {
    let file = try MappedFile(path)
    guard file.bytes.count > 0 else { throw InputError(path, "is empty") }
    guard file.bytes.count <= maximumByteCount else {
      throw InputError(path, "has \(file.bytes.count) bytes, too many for a manifest")
    }
    let header = try CanonicalJSON.decode(Header.self, from: file.bytes, subject: path)
    guard header.schema == schemaName else {
      throw InputError(path, "is of the schema '\(header.schema)', not \(schemaName)")
    }
    guard header.schemaVersion == currentVersion else {
      throw InputError(
        path,
        "is of version \(header.schemaVersion) of the format; this program reads version \(currentVersion)",
        remedy: header.schemaVersion > currentVersion ? "use a newer version of the program" : nil)
    }
    try requireDigest(Array(file.bytes), path)
    let manifest = try CanonicalJSON.decode(CacheManifest.self, from: file.bytes, subject: path)
    try manifest.validate(path)
    return manifest
  }

  private struct Header: Decodable {
    let schema: String
    let schemaVersion: Int

    enum CodingKeys: String, CodingKey {
      case schema
      case schemaVersion = "schema_version"
    }
  }

  /// The file's text, signed with its own digest.
  package func encoded() throws(InputError) -> String {
    var unsigned = self
    unsigned.manifestSHA256 = Self.noDigest
    let text = try CanonicalJSON.page(unsigned)
    var bytes = Array(text.utf8)
    guard let digits = Self.digestRange(in: bytes) else {
      preconditionFailure("the manifest has not exactly one digest of itself")
    }
    bytes.replaceSubrange(digits, with: Self.digest(of: bytes).utf8)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Replaces the manifest of a cache atomically.
  package func write(_ folder: String) throws(InputError) {
    try AtomicFile.write(try encoded(), to: folder + "/" + Self.fileName)
  }

  private static func requireDigest(_ bytes: [UInt8], _ path: String) throws(InputError) {
    var bytes = bytes
    guard let digits = digestRange(in: bytes) else { throw InputError(path, "has no digest of itself") }
    let stored = String(decoding: bytes[digits], as: UTF8.self)
    bytes.replaceSubrange(digits, with: noDigest.utf8)
    guard digest(of: bytes) == stored else {
      throw InputError(
        path, "is damaged: its digest is not the one in it",
        remedy:
          "fetch it again, or delete it and run the same extraction again, which keeps the shards that are whole"
      )
    }
  }

  private static func digest(of bytes: [UInt8]) -> String {
    var hash = SHA256()
    bytes.withUnsafeBytes { hash.update($0) }
    return hash.hexadecimal()
  }

  /// Where the 64 digits of the manifest's own digest are; nil where there is not exactly one.
  private static func digestRange(in bytes: [UInt8]) -> Range<Int>? {
    let key = Array("\"\(CodingKeys.manifestSHA256.rawValue)\"".utf8)
    var found: Range<Int>?
    var index = 0
    while index + key.count <= bytes.count {
      defer { index += 1 }
      guard bytes[index] == key[0], bytes[index..<index + key.count].elementsEqual(key) else { continue }
      // The name, a colon and a quotation mark, with spaces between: a text of that name has no colon after it.
      let value = bytes[(index + key.count)...].prefix(8).drop { $0 == UInt8(ascii: " ") }
      guard value.first == UInt8(ascii: ":") else { continue }
      let text = value.dropFirst().drop { $0 == UInt8(ascii: " ") }
      guard text.first == UInt8(ascii: "\""), bytes.count >= text.startIndex + 65 else { continue }
      guard found == nil else { return nil }
      found = text.startIndex + 1..<text.startIndex + 65
    }
    return found
  }
}
