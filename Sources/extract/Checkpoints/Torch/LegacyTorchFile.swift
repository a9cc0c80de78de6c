import Files

/// A file of `torch.save` before PyTorch 1.6 (or with `_use_new_zipfile_serialization=False`): pickles one after the
/// other, of a magic number, the format's version, the machine, what was saved, and the keys of the storages; then each
/// storage in the order of the keys, its number of elements in eight bytes before it. Nothing is aligned.
final class LegacyTorchFile: TorchFile {
  let heap: PickleHeap
  let root: PickleValue
  let file: MappedFile
  /// By key.
  private let storages: [String: FileSlice]

  /// 0x1950A86A20F9469CFC6C as a pickle of any protocol has it: a number of ten bytes, and the end.
  private static let magic: [UInt8] = [
    0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
  ]

  private static let version = 1001

  /// Where the pickle behind the magic number begins; nil for a file of another kind.
  static func magicEnd(_ slice: FileSlice) -> Int? {
    // Since protocol 4, a frame of the number's length stands before it.
    for start in [2, 11]
    where slice.byte(at: 0) == 0x80
      && slice.slice(at: start, count: magic.count)?.starts(with: magic) == true
    {
      return start + magic.count
    }
    return nil
  }

  /// - Parameter start: where the pickle behind the magic number begins (``magicEnd(_:)``).
  init(_ file: MappedFile, from start: Int) throws(InputError) {
    self.file = file
    var pickles = PickleSequence(FileSlice(file, start..<file.bytes.count))
    guard case .integer(Self.version) = try pickles.next("the version").root else {
      throw Self.unknownVersionError(file.path)
    }
    let machine = try pickles.next("the machine")
    guard case .dictionary(let entries) = machine.root,
      case .boolean(let isLittleEndian)? = machine.heap.value("little_endian", in: entries)
    else { throw pickles.damaged("it does not tell the order of bytes") }
    guard isLittleEndian else { throw Self.bigEndianError(file.path) }
    (root, heap) = try pickles.next("the object")
    let keys = try Self.keys(&pickles)
    storages = try Self.locate(keys, described: heap.storages, in: pickles.rest)
  }

  private static func keys(_ pickles: inout PickleSequence) throws(InputError) -> [String] {
    let list = try pickles.next("the keys of the storages")
    guard case .list(let index) = list.root else {
      throw pickles.damaged("the keys of its storages are no list")
    }
    var keys: [String] = []
    for value in list.heap.sequences[index] {
      guard case .text(let key) = value else { throw pickles.damaged("the key of a storage is no text") }
      keys.append(key)
    }
    return keys
  }

  /// Walks from storage to storage. How long each is follows from the class that the pickle names for its key.
  private static func locate(
    _ keys: [String], described: [TorchStorage], in data: FileSlice
  ) throws(InputError) -> [String: FileSlice] {
    func damaged(_ reason: String) -> InputError {
      InputError(data.file.path, "is damaged: \(reason)", remedy: downloadAgain)
    }
    let descriptions = Dictionary(described.map { ($0.key, $0) }) { first, _ in first }
    var storages: [String: FileSlice] = [:]
    var offset = 0
    for key in keys {
      guard let storage = descriptions[key] else {
        throw damaged("it lists the storage \(shortened(key)), which nothing in it uses")
      }
      guard let width = storage.type?.byteCount else {
        throw InputError(
          data.file.path, "holds elements of \(shortened(storage.typeName)), whose size is not known",
          remedy: "load it with torch.load and save its weights alone")
      }
      guard let count = data.integer(Int64.self, at: offset), count >= 0,
        case let (byteCount, overflows) = Int(count).multipliedReportingOverflow(by: width), !overflows,
        let slice = data.slice(at: offset + 8, count: byteCount)
      else { throw damaged("it ends in the storage \(shortened(key))") }
      guard storages.updateValue(slice, forKey: key) == nil else {
        throw damaged("it lists the storage \(shortened(key)) twice")
      }
      offset += 8 + byteCount
    }
    return storages
  }

  func bytes(
    of storage: TorchStorage, _ fail: (_ reason: String, _ remedy: String?) -> InputError
  ) throws(InputError) -> FileSlice {
    guard let whole = storages[storage.key] else {
      throw fail("needs the storage \(shortened(storage.key)), which is not in the file", downloadAgain)
    }
    guard let slice = storage.window(of: whole) else {
      throw fail(
        "needs \(storage.elementCount) elements of \(storage.typeName), but the storage "
          + "\(shortened(storage.key)) has \(whole.count) bytes", downloadAgain)
    }
    return slice
  }
}

/// Pickles that stand one after the other.
private struct PickleSequence {
  /// What is behind the last one that was read.
  private(set) var rest: FileSlice

  init(_ slice: FileSlice) { rest = slice }

  /// - Parameter name: what the pickle is of, for messages.
  mutating func next(_ name: String) throws(InputError) -> (root: PickleValue, heap: PickleHeap) {
    var interpreter = PickleInterpreter(rest, name: "the pickle of \(name)")
    let root = try interpreter.run()
    rest = FileSlice(rest.file, rest.range.lowerBound + interpreter.offset..<rest.range.upperBound)
    return (root, interpreter.heap)
  }

  func damaged(_ reason: String) -> InputError {
    InputError(rest.file.path, "is damaged: \(reason)", remedy: downloadAgain)
  }
}
