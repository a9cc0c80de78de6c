import Compute
import Files

/// The memory that tensors share, as a pickle names it.
struct TorchStorage {
  /// The class that the file names, such as `torch.FloatStorage`.
  let typeName: String
  /// What the file calls the storage.
  let key: String
  let elementCount: Int
  /// The elements that tensors of this storage see: all of them, but for old files' views.
  let part: Range<Int>

  /// Nil for a class that is not known.
  var type: (elementType: ElementType?, byteCount: Int)? { Self.types[typeName] }

  /// The part's bytes.
  ///
  /// - Parameter whole: all that the file has of the storage.
  /// - Returns: nil where that is not of the stated size.
  func window(of whole: FileSlice) -> FileSlice? {
    guard let width = type?.byteCount,
      case let (byteCount, overflows) = elementCount.multipliedReportingOverflow(by: width), !overflows,
      byteCount == whole.count
    else { return nil }
    return whole.slice(at: part.lowerBound * width, count: part.count * width)
  }

  /// The element type, nil where it has no counterpart here, and the bytes of an element. A storage without a type of its
  /// own is one of bytes.
  private static let types: [String: (elementType: ElementType?, byteCount: Int)] = [
    "torch.DoubleStorage": (.float64, 8), "torch.FloatStorage": (.float32, 4),
    "torch.HalfStorage": (.float16, 2), "torch.BFloat16Storage": (.bfloat16, 2),
    "torch.LongStorage": (.int64, 8), "torch.IntStorage": (.int32, 4), "torch.ShortStorage": (.int16, 2),
    "torch.CharStorage": (.int8, 1), "torch.ByteStorage": (.uint8, 1), "torch.BoolStorage": (.bool, 1),
    "torch.storage.UntypedStorage": (.uint8, 1), "torch.UntypedStorage": (.uint8, 1),
    "torch.ComplexDoubleStorage": (nil, 16), "torch.ComplexFloatStorage": (nil, 8),
    "torch.QInt32Storage": (nil, 4), "torch.QInt8Storage": (nil, 1), "torch.QUInt8Storage": (nil, 1),
    "torch.QUInt4x2Storage": (nil, 1), "torch.QUInt2x4Storage": (nil, 1),
  ]
}
