import CZlib

/// Writes zip files of stored entries, good and bad ones.
struct ZipBuilder {
  /// What is written about an entry, which a test may make untrue.
  struct Entry {
    var name: String
    var data: [UInt8]
    var flags: UInt16 = 0
    var method: UInt16 = 0
    var crc32: UInt32
    var storedSize: UInt64
    var size: UInt64
    /// Added to the true offset of the local header.
    var offsetError: Int = 0
    /// The name before the data, where it differs.
    var localName: String?

    init(_ name: String, _ data: [UInt8]) {
      self.name = name
      self.data = data
      crc32 = UInt32(truncatingIfNeeded: CZlib.crc32(0, data, UInt32(data.count)))
      storedSize = UInt64(data.count)
      size = UInt64(data.count)
    }
  }

  var entries: [Entry]
  /// Whether all sizes and offsets stand in 64-bit fields.
  var is64Bit = false
  /// Added to what is true in the end record.
  var countError = 0
  var directorySizeError = 0
  var directoryOffsetError = 0

  /// A file of torch.save.
  init(pickle: [UInt8], storages: [String: [UInt8]] = [:]) {
    entries = [Entry("archive/data.pkl", pickle)]
    entries += storages.sorted { $0.key < $1.key }.map { Entry("archive/data/\($0.key)", $0.value) }
  }

  func bytes() -> [UInt8] {
    var file: [UInt8] = []
    var directory: [UInt8] = []
    for entry in entries {
      directory += record(entry, headerOffset: file.count + entry.offsetError)
      let name = Array((entry.localName ?? entry.name).utf8)
      file += littleEndian(UInt32(0x0403_4B50)) + littleEndian(UInt16(45)) + littleEndian(entry.flags)
      file += littleEndian(entry.method) + [0, 0, 0, 0] + littleEndian(entry.crc32)
      file += littleEndian(UInt32(truncatingIfNeeded: entry.storedSize))
      file += littleEndian(UInt32(truncatingIfNeeded: entry.size))
      file += littleEndian(UInt16(name.count)) + littleEndian(UInt16(0)) + name + entry.data
    }
    let offset = file.count + directoryOffsetError
    file += directory
    return file + endRecords(directoryOffset: offset, directorySize: directory.count, end: file.count)
  }

  private func record(_ entry: Entry, headerOffset: Int) -> [UInt8] {
    let offset = UInt64(bitPattern: Int64(headerOffset))
    let extra = littleEndian(entry.size) + littleEndian(entry.storedSize) + littleEndian(offset)
    func short(_ value: UInt64) -> [UInt8] {
      littleEndian(is64Bit ? .max : UInt32(truncatingIfNeeded: value))
    }
    var record = littleEndian(UInt32(0x0201_4B50)) + littleEndian(UInt16(45)) + littleEndian(UInt16(45))
    record +=
      littleEndian(entry.flags) + littleEndian(entry.method) + [0, 0, 0, 0] + littleEndian(entry.crc32)
    record += short(entry.storedSize) + short(entry.size) + littleEndian(UInt16(entry.name.utf8.count))
    record += littleEndian(UInt16(is64Bit ? extra.count + 8 : 0)) + [UInt8](repeating: 0, count: 10)
    record += short(offset) + Array(entry.name.utf8)
    // An unrelated extra field stands first.
    if is64Bit {
      record += [0x55, 0x54, 0, 0] + littleEndian(UInt16(1)) + littleEndian(UInt16(extra.count)) + extra
    }
    return record
  }

  private func endRecords(directoryOffset: Int, directorySize: Int, end: Int) -> [UInt8] {
    let count = UInt64(entries.count + countError)
    let size = UInt64(bitPattern: Int64(directorySize + directorySizeError))
    let offset = UInt64(bitPattern: Int64(directoryOffset))
    var records: [UInt8] = []
    if is64Bit {
      records += littleEndian(UInt32(0x0606_4B50)) + littleEndian(UInt64(44)) + [45, 0, 45, 0]
      records += [UInt8](repeating: 0, count: 8) + littleEndian(count) + littleEndian(count)
      records += littleEndian(size) + littleEndian(offset)
      records += littleEndian(UInt32(0x0706_4B50)) + [0, 0, 0, 0] + littleEndian(UInt64(end)) + [1, 0, 0, 0]
    }
    records += littleEndian(UInt32(0x0605_4B50)) + [0, 0, 0, 0]
    records += littleEndian(is64Bit ? .max : UInt16(truncatingIfNeeded: count))
    records += littleEndian(is64Bit ? .max : UInt16(truncatingIfNeeded: count))
    records += littleEndian(is64Bit ? .max : UInt32(truncatingIfNeeded: size))
    return records + littleEndian(is64Bit ? .max : UInt32(truncatingIfNeeded: offset)) + [0, 0]
  }
}
