import Compute
import Files
import Tensors

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
