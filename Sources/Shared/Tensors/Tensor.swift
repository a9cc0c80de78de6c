import Compute
import Files

/// A dense array: row-major, little-endian, of any element type. Its bytes are its own or part of a mapped file.
public struct Tensor: Sendable {
  public let shape: [Int]
  public let elementType: ElementType
  private let storage: Storage

  private enum Storage: Sendable {
    case owned(SharedBuffer<UInt8>, offset: Int)
    case mapped(MappedFile, offset: Int)
  }

  /// The number of elements: the product of the shape, 1 for a scalar.
  public var count: Int { shape.reduce(1, *) }
  public var byteCount: Int { count * elementType.byteCount }

  /// A tensor of single-precision values.
  public init(_ values: some Collection<Float>, shape: [Int]) {
    precondition(values.count == shape.reduce(1, *), "\(values.count) values do not fill the shape \(shape)")
    self.shape = shape
    elementType = .float32
    let bytes = SharedBuffer<UInt8>(count: values.count * 4)
    bytes.pointer.withMemoryRebound(to: Float.self, capacity: values.count) { pointer in
      _ = UnsafeMutableBufferPointer(start: pointer, count: values.count).update(fromContentsOf: values)
    }
    storage = .owned(bytes, offset: 0)
  }

  /// A tensor over bytes of its own.
  public init(owning bytes: SharedBuffer<UInt8>, elementType: ElementType, shape: [Int]) {
    precondition(
      bytes.count == shape.reduce(1, *) * elementType.byteCount,
      "\(bytes.count) bytes do not fill \(elementType) \(shape)")
    self.shape = shape
    self.elementType = elementType
    storage = .owned(bytes, offset: 0)
  }

  /// A tensor over part of a mapped file, which need not be aligned.
  public init(mapping file: MappedFile, offset: Int, elementType: ElementType, shape: [Int]) {
    precondition(
      offset >= 0 && offset + shape.reduce(1, *) * elementType.byteCount <= file.bytes.count,
      "\(elementType) \(shape) at byte \(offset) is outside \(file.path)")
    self.shape = shape
    self.elementType = elementType
    storage = .mapped(file, offset: offset)
  }

  private init(shape: [Int], elementType: ElementType, storage: Storage) {
    self.shape = shape
    self.elementType = elementType
    self.storage = storage
  }

  /// The same values, in the same bytes, with other axes.
  public func reshaped(to shape: [Int]) -> Tensor {
    precondition(shape.reduce(1, *) == count, "\(self.shape) cannot become \(shape)")
    return Tensor(shape: shape, elementType: elementType, storage: storage)
  }

  /// Part of the first axis, in the same bytes.
  public func rows(_ range: Range<Int>) -> Tensor {
    precondition(
      !shape.isEmpty && range.lowerBound >= 0 && range.upperBound <= shape[0], "\(shape) has no rows \(range)"
    )
    let rowByteCount = shape.dropFirst().reduce(elementType.byteCount, *)
    let skipped = range.lowerBound * rowByteCount
    let part: Storage =
      switch storage {
      case .owned(let bytes, let offset): .owned(bytes, offset: offset + skipped)
      case .mapped(let file, let offset): .mapped(file, offset: offset + skipped)
      }
    return Tensor(shape: [range.count] + shape.dropFirst(), elementType: elementType, storage: part)
  }

  /// The bytes, valid within the body.
  public func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    switch storage {
    case .owned(let bytes, let offset):
      try body(UnsafeRawBufferPointer(start: bytes.pointer + offset, count: byteCount))
    case .mapped(let file, let offset):
      try body(UnsafeRawBufferPointer(rebasing: file.bytes[offset..<offset + byteCount]))
    }
  }

  /// The values in single precision: exact for float16 and bfloat16, rounded for float64.
  ///
  /// - Precondition: the element type is a floating-point type.
  public func floats() -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      copyFloats(into: buffer)
      initialized = count
    }
  }

  /// Lets go of the memory that the bytes of a mapped file take up here, once nobody is going to look at them again soon.
  public func forgetPages() {
    if case .mapped(let file, let offset) = storage { file.forget(offset..<offset + byteCount) }
  }

  /// As ``floats()``, into memory for ``count`` values.
  public func copyFloats(into buffer: UnsafeMutableBufferPointer<Float>) {
    precondition(elementType.isFloatingPoint, "\(elementType) values are not floating-point values")
    withBytes { bytes in
      guard count > 0, let source = bytes.baseAddress, let destination = buffer.baseAddress else { return }
      if elementType == .float64 {
        for index in 0..<count {
          destination[index] = Float(source.loadUnaligned(fromByteOffset: index * 8, as: Double.self))
        }
      } else {
        elementType.decode(source, into: destination, count: count)
      }
    }
  }
}
