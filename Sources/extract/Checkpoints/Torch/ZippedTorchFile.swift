import Files

/// A file of `torch.save` since PyTorch 1.6: a zip archive with a pickle, `data.pkl`, that describes everything, and the
/// storages of its tensors as the files `data/0`, `data/1`, ...
final class ZippedTorchFile: TorchFile {
  let heap: PickleHeap
  let root: PickleValue
  let file: MappedFile
  private let archive: ZipArchive
  /// The archive's folder, with its slash.
  private let folder: String
  /// The storages whose checksums have been compared, which many tensors may share.
  private var verified: Set<String> = []

  init(_ file: MappedFile) throws(InputError) {
    self.file = file
    archive = try ZipArchive(file)
    let candidates = archive.entries.keys.filter { $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }
    guard let pickleName = candidates.min(by: { ($0.utf8.count, $0) < ($1.utf8.count, $1) }),
      let pickle = archive.entries[pickleName]
    else {
      throw InputError(file.path, "is a zip file, but not of torch.save: it holds no data.pkl")
    }
    folder = String(pickleName.dropLast("data.pkl".count))
    try Self.checkKind(archive, folder)
    try archive.verify(pickle)
    var interpreter = PickleInterpreter(pickle.data, name: shortened(pickleName))
    root = try interpreter.run()
    heap = interpreter.heap
  }

  private static func checkKind(_ archive: ZipArchive, _ folder: String) throws(InputError) {
    guard archive.entries[folder + "constants.pkl"] == nil else {
      throw ZipArchive.torchScriptError(archive.path)
    }
    if let order = archive.entries[folder + "byteorder"], order.data.text != "little" {
      throw bigEndianError(archive.path)
    }
    if let version = archive.entries[folder + "version"] {
      let text = version.data.slice(at: 0, count: min(8, version.data.count))?.text ?? ""
      guard let number = Int(text.filter { $0 != "\n" }), 1...10 ~= number else {
        throw unknownVersionError(archive.path)
      }
    }
  }

  func bytes(
    of storage: TorchStorage, _ fail: (_ reason: String, _ remedy: String?) -> InputError
  ) throws(InputError) -> FileSlice {
    let name = folder + "data/" + storage.key
    guard let entry = archive.entries[name] else {
      throw fail("needs \(shortened(name)), which is not in the file", downloadAgain)
    }
    guard let slice = storage.window(of: entry.data) else {
      throw fail(
        "needs \(storage.elementCount) elements of \(storage.typeName), but \(shortened(name)) has "
          + "\(entry.data.count) bytes", downloadAgain)
    }
    if verified.insert(name).inserted { try archive.verify(entry) }
    return slice
  }
}
