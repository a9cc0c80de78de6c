import Files

/// Something in a tar archive.
struct TarMember {
  /// As ``RelativePath/canonical(_:)`` has it.
  let name: String
  /// A link to another member or file, which has no data of its own.
  let isLink: Bool
  let data: FileSlice
}

/// Reads the headers of a tar archive from front to back: POSIX.1-1988 ustar, POSIX.1-2001 pax, GNU tar's long names and
/// large sizes, and what came before them. Data stay where they are.
///
/// An archive comes from a stranger. Each header's checksum is verified and every size is held against the file's;
/// names that are absolute or lead upwards are refused, and so is an archive that was cut off or goes on behind its end.
struct TarReader {
  private static let blockSize = 512
  /// Of an extended header: a long name or pax records.
  private static let maximumExtensionSize = 1 << 20

  private let file: MappedFile
  private var offset = 0

  init(_ file: MappedFile) { self.file = file }

  /// Whether a file begins as an archive does.
  static func isArchive(_ file: MappedFile) -> Bool {
    guard let block = FileSlice(file).slice(at: 0, count: blockSize) else { return false }
    return TarHeader(block).hasValidChecksum
  }

  /// - Returns: the next file or link; nil at the end of the archive.
  mutating func next() throws(InputError) -> TarMember? {
    var extended = TarExtension()
    while let header = try nextHeader() {
      let start = offset
      switch header.kind {
      case .longName: extended.name = try extensionData(header).withBytes { Array($0.prefix { $0 != 0 }) }
      case .pax:
        let data = try extensionData(header)
        guard data.withBytes({ extended.readPax($0) }) else {
          throw fault("has damaged pax records", at: start)
        }
        if extended.isSparse { throw sparseFault(at: start) }
      case .globalPax:
        var global = TarExtension()
        guard try extensionData(header).withBytes({ global.readPax($0) }), global.isEmpty else {
          throw fault("has global pax records that are not read here", at: start)
        }
      case .longLink: _ = try extensionData(header)
      case .sparse: throw sparseFault(at: start)
      case .unknown(let byte): throw fault("has a member of the unknown type \(byte)", at: start)
      case .withoutData: extended = TarExtension()
      case .ignored:
        _ = try data(header, size: extended.size, called: "a volume label or list of a folder")
        extended = TarExtension()
      case .link:
        return TarMember(
          name: try name(header, extended), isLink: true, data: FileSlice(file, offset..<offset))
      case .file:
        // Before ustar, folders were files whose name ends in a slash.
        if (extended.name ?? header.name).last == UInt8(ascii: "/") {
          _ = try data(header, size: extended.size, called: "a folder")
          extended = TarExtension()
        } else {
          let name = try name(header, extended)
          return TarMember(
            name: name, isLink: false, data: try data(header, size: extended.size, called: name))
        }
      }
    }
    guard extended.isEmpty else { throw fault("ends behind a header that belongs to a next one", at: offset) }
    return nil
  }

  /// - Returns: nil at the end of the archive, behind which there is nothing.
  private mutating func nextHeader() throws(InputError) -> TarHeader? {
    guard let block = FileSlice(file).slice(at: offset, count: Self.blockSize) else {
      throw InputError(
        file.path, "is a truncated tar archive: it has \(file.bytes.count) bytes and no end",
        remedy: compressionRemedy ?? Self.remedy)
    }
    let header = TarHeader(block)
    if header.isZero {
      guard file.bytes[offset...].allSatisfy({ $0 == 0 }) else {
        throw fault(
          "goes on behind the end of the archive", at: offset, remedy: "join archives with tar, not with cat")
      }
      return nil
    }
    guard header.hasValidChecksum else {
      if offset == 0 { throw InputError(file.path, "is not a tar archive", remedy: compressionRemedy) }
      throw fault("has a damaged header", at: offset)
    }
    offset += Self.blockSize
    return header
  }

  /// What to do about a file that is compressed; nil for others, such as every archive.
  private var compressionRemedy: String? {
    let compressions: [(name: String, signature: [UInt8])] = [
      ("gzip", [0x1F, 0x8B]), ("zstd", [0x28, 0xB5, 0x2F, 0xFD]), ("xz", [0xFD, 0x37, 0x7A, 0x58]),
      ("bzip2", [0x42, 0x5A, 0x68]),
    ]
    return compressions.first { FileSlice(file).starts(with: $0.signature) }
      .map { "it is compressed with \($0.name): decompress it" }
  }

  /// Moves behind a header's data.
  ///
  /// - Parameter size: what an extended header says in place of this one.
  private mutating func data(
    _ header: TarHeader, size: Int? = nil, called name: String
  ) throws(InputError) -> FileSlice {
    guard let size = size ?? header.size else { throw fault("has a header with no valid size", at: offset) }
    guard let data = FileSlice(file).slice(at: offset, count: size) else {
      throw InputError(
        file.path,
        "is a truncated tar archive: \(name) claims \(size) bytes, and \(file.bytes.count - offset) are left",
        remedy: Self.remedy)
    }
    offset += (size + Self.blockSize - 1) / Self.blockSize * Self.blockSize
    return data
  }

  private mutating func extensionData(_ header: TarHeader) throws(InputError) -> FileSlice {
    guard (header.size ?? 0) <= Self.maximumExtensionSize else {
      throw fault("has an extended header of \(header.size ?? 0) bytes", at: offset)
    }
    return try data(header, called: "an extended header")
  }

  private func name(_ header: TarHeader, _ extended: TarExtension) throws(InputError) -> String {
    guard let name = String(validating: extended.name ?? header.name, as: UTF8.self) else {
      throw fault("has a member whose name is not UTF-8", at: offset)
    }
    if let reason = RelativePath.fault(of: name) {
      throw fault("has a member whose name \"\(name)\" \(reason)", at: offset)
    }
    return RelativePath.canonical(name)
  }

  private static let remedy = "get a whole copy of it"

  private func fault(_ reason: String, at offset: Int, remedy: String? = Self.remedy) -> InputError {
    InputError("\(file.path), byte \(offset)", reason, remedy: remedy)
  }

  private func sparseFault(at offset: Int) -> InputError {
    fault("has a sparse file, which is not read", at: offset, remedy: "make the archive without --sparse")
  }
}

/// A header block of a tar archive.
private struct TarHeader {
  enum Kind {
    case file, link, withoutData
    case longName, longLink, pax, globalPax
    /// GNU tar's volume labels and lists of what is in a folder.
    case ignored
    case sparse
    case unknown(UInt8)
  }

  private let block: FileSlice

  /// - Parameter block: 512 bytes.
  init(_ block: FileSlice) { self.block = block }

  var isZero: Bool { block.withBytes { $0.allSatisfy { $0 == 0 } } }

  /// The sum of the block's bytes, its own field counted as spaces. Some old programs summed signed bytes.
  var hasValidChecksum: Bool {
    guard let expected = number(148..<156) else { return false }
    return block.withBytes { bytes in
      var (unsigned, signed) = (8 * 32, 8 * 32)
      for (index, byte) in bytes.enumerated() where !(148..<156).contains(index) {
        unsigned += Int(byte)
        signed += Int(Int8(bitPattern: byte))
      }
      return expected == unsigned || expected == signed
    }
  }

  var kind: Kind {
    let byte = block.byte(at: 156)!
    switch UnicodeScalar(byte) {
    case "\0", "0", "7": return .file
    case "1", "2": return .link
    case "3", "4", "5", "6": return .withoutData
    case "L": return .longName
    case "x", "X": return .pax
    case "g": return .globalPax
    case "K": return .longLink
    case "V", "D": return .ignored
    case "S": return .sparse
    default: return .unknown(byte)
    }
  }

  /// Of the data, in bytes; nil where the field is damaged or beyond every file.
  var size: Int? { number(124..<136) }

  /// In GNU tar's own format other fields lie where ustar has the beginning of a long path.
  var name: [UInt8] {
    let name = text(0..<100)
    let isUstar = block.slice(at: 257, count: 6)!.starts(with: "ustar\0".utf8)
    let prefix = isUstar ? text(345..<500) : []
    return prefix.isEmpty ? name : prefix + [UInt8(ascii: "/")] + name
  }

  private func text(_ field: Range<Int>) -> [UInt8] {
    block.withBytes { bytes in bytes[field].prefix { $0 != 0 } }
  }

  /// Octal digits among spaces and zeros; or, marked by the highest bit, a number to the base 256.
  private func number(_ field: Range<Int>) -> Int? {
    block.withBytes { bytes in
      let field = bytes[field]
      var value: UInt64 = 0
      if field.first! & 0x80 != 0 {
        guard field.first! == 0x80 else { return nil }
        for byte in field.dropFirst() {
          guard value >> 55 == 0 else { return nil }
          value = value << 8 | UInt64(byte)
        }
      } else {
        let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0x20 && $0 != 0 }
        for digit in digits {
          guard (0x30...0x37).contains(digit) else { return nil }
          value = value << 3 | UInt64(digit - 0x30)
        }
      }
      return Int(exactly: value)
    }
  }
}

/// What the headers before a member's own say about it.
private struct TarExtension {
  var name: [UInt8]?
  var size: Int?
  /// Whether GNU tar's way of leaving out holes was used.
  var isSparse = false

  var isEmpty: Bool { name == nil && size == nil && !isSparse }

  /// Reads records such as `17 path=cat/1.jpg\n`, where 17 counts all of the record's bytes.
  ///
  /// - Returns: whether they are whole.
  mutating func readPax(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let digits = rest.prefix { $0 != 0x20 }
      guard digits.count <= 8, let count = decimal(digits), count > digits.count + 1, count <= rest.count
      else {
        return false
      }
      let record = rest.prefix(count).dropFirst(digits.count + 1)
      guard record.last == 0x0A, let equals = record.firstIndex(of: UInt8(ascii: "=")) else { return false }
      guard set(String(decoding: record[..<equals], as: UTF8.self), record[(equals + 1)...].dropLast()) else {
        return false
      }
      rest = rest.dropFirst(count)
    }
    return true
  }

  private mutating func set(_ key: String, _ value: Slice<UnsafeRawBufferPointer>) -> Bool {
    switch key {
    case "path": name = Array(value)
    case "size":
      guard let size = decimal(value) else { return false }
      self.size = size
    case _ where key.hasPrefix("GNU.sparse."): isSparse = true
    default: break
    }
    return true
  }

  private func decimal(_ digits: Slice<UnsafeRawBufferPointer>) -> Int? {
    guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int(String(decoding: digits, as: UTF8.self))
  }
}
