import CKernels

extension ElementType {
  /// Rounds single-precision values to this type, to nearest even. Values beyond a float16's range become infinite,
  /// as IEEE 754 has it.
  ///
  /// - Returns: whether every value is finite as it is stored.
  @discardableResult
  public func encode(
    _ source: UnsafePointer<Float>, into destination: UnsafeMutableRawPointer, count: Int
  ) -> Bool {
    switch self {
    case .float32: pb_f32_to_f32(source, destination.assumingMemoryBound(to: Float.self), count)
    case .float16: pb_f32_to_f16(source, destination.assumingMemoryBound(to: UInt16.self), count)
    case .bfloat16: pb_f32_to_bf16(source, destination.assumingMemoryBound(to: UInt16.self), count)
    default: preconditionFailure("values do not round to \(self) by themselves")
    }
  }

  /// Widens stored values of this type to single precision, exactly.
  public func decode(_ source: UnsafeRawPointer, into destination: UnsafeMutablePointer<Float>, count: Int) {
    switch self {
    case .float32: UnsafeMutableRawPointer(destination).copyMemory(from: source, byteCount: count * 4)
    case .float16: pb_f16_to_f32(source.assumingMemoryBound(to: UInt16.self), destination, count)
    case .bfloat16: pb_bf16_to_f32(source.assumingMemoryBound(to: UInt16.self), destination, count)
    default: preconditionFailure("\(self) does not widen to single precision by itself")
    }
  }
}
