import Compute
import Files
import Tensors

/// A file of `torch.save`, of whichever format: what was saved, and where in the file the bytes of its tensors are.
protocol TorchFile: AnyObject {
  var file: MappedFile { get }
  var heap: PickleHeap { get }
  /// What was saved.
  var root: PickleValue { get }

  /// The bytes of a storage, of just the size that the pickle states.
  ///
  /// - Parameter fail: makes the error that names the tensor which needs them.
  func bytes(
    of storage: TorchStorage, _ fail: (_ reason: String, _ remedy: String?) -> InputError
  ) throws(InputError) -> FileSlice
}

extension TorchFile {
  /// A tensor's values: part of the mapped file where they lie there in order, else a copy.
  ///
  /// - Parameter name: what the tensor is called, for messages.
  func tensor(_ view: TorchTensor, name: String) throws(InputError) -> Tensor {
    func fail(_ reason: String, _ remedy: String? = downloadAgain) -> InputError {
      InputError(file.path, "the tensor \(shortened(name)) \(reason)", remedy: remedy)
    }
    guard let elementType = view.elementType, view.storage.type?.elementType != nil else {
      throw fail("has the element type \(view.typeName), which is not supported", nil)
    }
    let bytes = try bytes(of: view.storage, fail)
    guard view.elementCount > 0 else {
      return Tensor(owning: SharedBuffer(count: 0), elementType: elementType, shape: view.shape)
    }
    let storageCount = bytes.count / elementType.byteCount
    guard let last = view.lastElement, last < storageCount else {
      throw fail("reaches behind the \(storageCount) elements of its storage")
    }
    if view.isContiguous {
      return Tensor(
        mapping: file, offset: bytes.range.lowerBound + view.offset * elementType.byteCount,
        elementType: elementType, shape: view.shape)
    }
    return view.gather(bytes, elementType)
  }

  static func bigEndianError(_ path: String) -> InputError {
    InputError(
      path, "was written on a big-endian machine",
      remedy: "load it with torch.load on a little-endian machine and save it there")
  }

  static func unknownVersionError(_ path: String) -> InputError {
    InputError(
      path, "is of a format version of torch.save that is not known",
      remedy: "load it with its PyTorch and save it as safetensors")
  }
}
