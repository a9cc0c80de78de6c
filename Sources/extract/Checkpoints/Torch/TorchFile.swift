import Compute
import Files
import Tensors

/// A file of `torch.save` (PyTorch 1.6 and later): a zip archive with a pickle, `data.pkl`, that describes everything,
/// and the storages of its tensors as the files `data/0`, `data/1`, ...
final class TorchFile {
  let heap: PickleHeap
  /// What was saved.
  let root: PickleValue
  private let file: MappedFile
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
    if let order = archive.entries[folder + "byteorder"] {
      guard order.data.text == "little" else {
        throw InputError(
          archive.path, "was written on a big-endian machine",
          remedy: "load it with torch.load on a little-endian machine and save it there")
      }
    }
    if let version = archive.entries[folder + "version"] {
      let text = version.data.slice(at: 0, count: min(8, version.data.count))?.text ?? ""
      guard let number = Int(text.filter { $0 != "\n" }), 1...10 ~= number else {
        throw InputError(
          archive.path, "is of a format version of torch.save that is not known",
          remedy: "load it with its PyTorch and save it as safetensors")
      }
    }
  }

  /// A tensor's values: part of the mapped file where they lie there in order, else a copy.
  ///
  /// - Parameter name: what the tensor is called, for messages.
  func tensor(_ view: TorchTensor, name: String) throws(InputError) -> Tensor {
    func fail(_ reason: String, _ remedy: String? = downloadAgain) -> InputError {
      InputError(file.path, "the tensor \(shortened(name)) \(reason)", remedy: remedy)
    }
    guard let elementType = view.elementType, let storageType = view.storage.elementType else {
      throw fail("has the element type \(view.typeName), which is not supported", nil)
    }
    let entry = try storage(view.storage, storageType, fail)
    guard view.elementCount > 0 else {
      return Tensor(owning: SharedBuffer(count: 0), elementType: elementType, shape: view.shape)
    }
    let storageCount = entry.data.count / elementType.byteCount
    guard let last = view.lastElement, last < storageCount else {
      throw fail("reaches behind the \(storageCount) elements of its storage")
    }
    if view.isContiguous {
      return Tensor(
        mapping: file, offset: entry.data.range.lowerBound + view.offset * elementType.byteCount,
        elementType: elementType, shape: view.shape)
    }
    return view.gather(entry.data, elementType)
  }

  private func storage(
    _ storage: TorchStorage, _ elementType: ElementType, _ fail: (String, String?) -> InputError
  ) throws(InputError) -> ZipArchive.Entry {
    let name = folder + "data/" + storage.key
    guard let entry = archive.entries[name] else {
      throw fail("needs \(shortened(name)), which is not in the file", downloadAgain)
    }
    let (byteCount, overflows) = storage.elementCount.multipliedReportingOverflow(by: elementType.byteCount)
    guard !overflows, byteCount == entry.data.count else {
      throw fail(
        "needs \(storage.elementCount) elements of \(storage.typeName), but \(shortened(name)) has "
          + "\(entry.data.count) bytes", downloadAgain)
    }
    if verified.insert(name).inserted { try archive.verify(entry) }
    return entry
  }
}

extension TorchTensor {
  /// The largest index into the storage, or nil where it fits no integer.
  var lastElement: Int? {
    var last = offset
    for (length, stride) in zip(shape, strides) {
      let (reach, overflows) = (length - 1).multipliedReportingOverflow(by: stride)
      let (sum, overflowsToo) = last.addingReportingOverflow(reach)
      guard !overflows, !overflowsToo else { return nil }
      last = sum
    }
    return last
  }

  /// Whether the elements lie one after the other, the last axis fastest.
  var isContiguous: Bool {
    var expected = 1
    for (length, stride) in zip(shape, strides).reversed() where length != 1 {
      guard stride == expected else { return false }
      expected *= length
    }
    return true
  }

  /// Copies the view's elements into row-major order.
  ///
  /// - Precondition: every index lies in the storage.
  func gather(_ storage: FileSlice, _ elementType: ElementType) -> Tensor {
    let bytes = SharedBuffer<UInt8>(count: elementCount * elementType.byteCount)
    let source = storage.file.bytes.baseAddress! + storage.range.lowerBound
    switch elementType.byteCount {
    case 1: copy(source, UInt8.self, into: bytes.pointer)
    case 2: copy(source, UInt16.self, into: bytes.pointer)
    case 4: copy(source, UInt32.self, into: bytes.pointer)
    default: copy(source, UInt64.self, into: bytes.pointer)
    }
    return Tensor(owning: bytes, elementType: elementType, shape: shape)
  }

  /// Walks over all axes like the wheels of a counter, the last one turning fastest.
  private func copy<Element: BitwiseCopyable>(
    _ source: UnsafeRawPointer, _: Element.Type, into destination: UnsafeMutablePointer<UInt8>
  ) {
    let width = MemoryLayout<Element>.size
    let target = UnsafeMutableRawPointer(destination)
    let length = shape.last ?? 1
    let stride = strides.last ?? 1
    var index = [Int](repeating: 0, count: max(0, shape.count - 1))
    var start = offset
    for row in 0..<elementCount / length {
      for column in 0..<length {
        let element = source.loadUnaligned(
          fromByteOffset: (start + column * stride) * width, as: Element.self)
        target.storeBytes(of: element, toByteOffset: (row * length + column) * width, as: Element.self)
      }
      for axis in index.indices.reversed() {
        index[axis] += 1
        start += strides[axis]
        if index[axis] < shape[axis] { break }
        start -= index[axis] * strides[axis]
        index[axis] = 0
      }
    }
  }
}
