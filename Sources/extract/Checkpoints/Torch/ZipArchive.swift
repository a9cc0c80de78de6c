import CZlib
import Files

/// The entries of a zip file, found through its central directory (PKWARE's APPNOTE 6.3.10, with its 64-bit extension).
///
/// Only what `torch.save` writes is read: stored entries of one disk, unencrypted, so that every tensor can stay in
/// the mapped file. All offsets and sizes are checked when the archive is opened.
struct ZipArchive {
  struct Entry {
    let name: String
    /// The checksum that the directory states; 0 where the writer was told to compute none.
    let crc32: UInt32
    /// Where the entry's own header begins, in front of its data.
    let headerOffset: Int
    let data: FileSlice
  }

  let path: String
  let entries: [String: Entry]

  /// A file of torch.save has one for each storage, and a handful besides.
  static let mostEntries = 1 << 17

  init(_ file: MappedFile) throws(InputError) {
    path = file.path
    let directory = try ZipDirectory(file)
    var entries: [String: Entry] = [:]
    for record in try directory.records() {
      guard entries.updateValue(try directory.entry(record), forKey: record.name) == nil else {
        throw directory.damaged("two entries are called \(record.name)")
      }
    }
    self.entries = entries
    try checkOverlap(directory)
  }

  /// TorchScript archives hold compressed source code beside their tensors.
  static func torchScriptError(_ path: String) -> InputError {
    InputError(
      path, "is a TorchScript program, not a checkpoint",
      remedy: "save its weights with torch.save(torch.jit.load(file).state_dict(), other_file)")
  }

  private func checkOverlap(_ directory: ZipDirectory) throws(InputError) {
    let ordered = entries.values.sorted { $0.headerOffset < $1.headerOffset }
    for (entry, next) in zip(ordered, ordered.dropFirst())
    where entry.data.range.upperBound > next.headerOffset {
      throw directory.damaged("the entries \(entry.name) and \(next.name) overlap")
    }
  }

  /// Compares an entry's bytes with their checksum.
  func verify(_ entry: Entry) throws(InputError) {
    guard entry.crc32 != 0 else { return }
    let actual = entry.data.withBytes { bytes in
      crc32_z(0, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
    }
    guard UInt32(truncatingIfNeeded: actual) == entry.crc32 else {
      throw InputError(
        path, "is damaged: the checksum of \(shortened(entry.name)) is wrong", remedy: downloadAgain)
    }
  }
}

let downloadAgain = "copy or download the file again"

/// The central directory, at the end of the file.
private struct ZipDirectory {
  struct Record {
    let name: String
    let crc32: UInt32
    let size: Int
    let headerOffset: Int
  }

  private let whole: FileSlice
  private let directory: FileSlice
  private let entryCount: Int

  init(_ file: MappedFile) throws(InputError) {
    whole = FileSlice(file)
    guard let end = Self.endRecordOffset(whole) else {
      throw InputError(
        file.path, "is a zip file without its directory, as one is that was cut short", remedy: downloadAgain)
    }
    var location: (count: UInt64, size: UInt64, offset: UInt64)? = Self.location(whole, endRecord: end)
    if let found = location, found.count == 0xFFFF || found.size == 0xFFFF_FFFF || found.offset == 0xFFFF_FFFF
    {
      location = Self.location64(whole, endRecord: end)
    }
    guard let location,
      let offset = Int(exactly: location.offset), let size = Int(exactly: location.size),
      let directory = whole.slice(at: offset, count: size), offset + size <= end,
      location.count <= UInt64(size / 46)
    else {
      throw InputError(
        file.path, "is damaged: the end of its zip directory points outside the file", remedy: downloadAgain)
    }
    guard location.count <= UInt64(ZipArchive.mostEntries) else {
      throw InputError(
        file.path, "is no file of torch.save: it is a zip file of \(location.count) entries",
        remedy: "name a checkpoint")
    }
    self.directory = directory
    entryCount = Int(location.count)
  }

  func damaged(_ reason: String) -> InputError {
    InputError(whole.file.path, "is a damaged zip file: \(shortened(reason, to: 300))", remedy: downloadAgain)
  }

  /// The record at the very end of the file, behind which only its own comment may stand.
  private static func endRecordOffset(_ whole: FileSlice) -> Int? {
    let last = whole.count - 22
    guard last >= 0 else { return nil }
    for offset in stride(from: last, through: max(0, last - 0xFFFF), by: -1)
    where whole.integer(UInt32.self, at: offset) == 0x0605_4B50 {
      if let comment = whole.integer(UInt16.self, at: offset + 20), offset + 22 + Int(comment) == whole.count
      {
        return offset
      }
    }
    return nil
  }

  private static func location(
    _ whole: FileSlice, endRecord end: Int
  ) -> (count: UInt64, size: UInt64, offset: UInt64)? {
    guard whole.integer(UInt16.self, at: end + 4) == 0, whole.integer(UInt16.self, at: end + 6) == 0,
      let count = whole.integer(UInt16.self, at: end + 10),
      let size = whole.integer(UInt32.self, at: end + 12),
      let offset = whole.integer(UInt32.self, at: end + 16)
    else { return nil }
    return (UInt64(count), UInt64(size), UInt64(offset))
  }

  /// As ``location(_:endRecord:)``, from the 64-bit record, which a locator just before the end record points to.
  private static func location64(
    _ whole: FileSlice, endRecord end: Int
  ) -> (count: UInt64, size: UInt64, offset: UInt64)? {
    guard whole.integer(UInt32.self, at: end - 20) == 0x0706_4B50,
      let position = whole.integer(UInt64.self, at: end - 12), let record = Int(exactly: position),
      record <= end, whole.integer(UInt32.self, at: record) == 0x0606_4B50,
      let count = whole.integer(UInt64.self, at: record + 32),
      let size = whole.integer(UInt64.self, at: record + 40),
      let offset = whole.integer(UInt64.self, at: record + 48)
    else { return nil }
    return (count, size, offset)
  }

  func records() throws(InputError) -> [Record] {
    var records: [Record] = []
    var offset = 0
    for index in 0..<entryCount {
      guard directory.integer(UInt32.self, at: offset) == 0x0201_4B50,
        let flags = directory.integer(UInt16.self, at: offset + 8),
        let method = directory.integer(UInt16.self, at: offset + 10),
        let crc = directory.integer(UInt32.self, at: offset + 16),
        let nameLength = directory.integer(UInt16.self, at: offset + 28),
        let extraLength = directory.integer(UInt16.self, at: offset + 30),
        let commentLength = directory.integer(UInt16.self, at: offset + 32),
        let name = directory.slice(at: offset + 46, count: Int(nameLength))?.text,
        let extra = directory.slice(at: offset + 46 + Int(nameLength), count: Int(extraLength))
      else { throw damaged("entry \(index) of its directory cannot be read") }
      guard flags & 1 == 0 else { throw damaged("\(name) is encrypted") }
      guard method == 0 else {
        if name.contains("/code/") { throw ZipArchive.torchScriptError(whole.file.path) }
        throw InputError(
          whole.file.path, "holds the compressed entry \(shortened(name)), which torch.save never writes",
          remedy: "load it with torch.load and save it again with torch.save")
      }
      guard let (size, headerOffset) = sizes(ofRecordAt: offset, extra) else {
        throw damaged("the sizes of \(name) are impossible")
      }
      records.append(Record(name: name, crc32: crc, size: size, headerOffset: headerOffset))
      offset += 46 + Int(nameLength) + Int(extraLength) + Int(commentLength)
    }
    return records
  }

  /// A stored entry's size and the offset of its local header. Those that do not fit 32 bits stand in an extra field.
  private func sizes(ofRecordAt offset: Int, _ extra: FileSlice) -> (size: Int, headerOffset: Int)? {
    // The order of the extra field: the size, the stored size, the header's offset.
    var values = [24, 20, 42].compactMap { directory.integer(UInt32.self, at: offset + $0) }.map(UInt64.init)
    guard values.count == 3 else { return nil }
    if values.contains(0xFFFF_FFFF) {
      guard var position = Self.extension64(in: extra) else { return nil }
      for index in values.indices where values[index] == 0xFFFF_FFFF {
        guard let value = extra.integer(UInt64.self, at: position) else { return nil }
        values[index] = value
        position += 8
      }
    }
    guard values[0] == values[1], let size = Int(exactly: values[0]), let header = Int(exactly: values[2])
    else { return nil }
    return (size, header)
  }

  /// Where the 64-bit sizes stand among the extra fields.
  private static func extension64(in extra: FileSlice) -> Int? {
    var position = 0
    while let tag = extra.integer(UInt16.self, at: position),
      let length = extra.integer(UInt16.self, at: position + 2)
    {
      if tag == 1 { return position + 4 }
      position += 4 + Int(length)
    }
    return nil
  }

  func entry(_ record: Record) throws(InputError) -> ZipArchive.Entry {
    guard record.headerOffset <= directory.range.lowerBound,
      whole.integer(UInt32.self, at: record.headerOffset) == 0x0403_4B50,
      let nameLength = whole.integer(UInt16.self, at: record.headerOffset + 26),
      let extraLength = whole.integer(UInt16.self, at: record.headerOffset + 28),
      whole.slice(at: record.headerOffset + 30, count: Int(nameLength))?.text == record.name
    else { throw damaged("the entry \(record.name) is not where the directory says") }
    let start = record.headerOffset + 30 + Int(nameLength) + Int(extraLength)
    guard let data = whole.slice(at: start, count: record.size),
      data.range.upperBound <= directory.range.lowerBound
    else { throw damaged("the entry \(record.name) of \(record.size) bytes does not fit into the file") }
    return ZipArchive.Entry(
      name: record.name, crc32: record.crc32, headerOffset: record.headerOffset, data: data)
  }
}
