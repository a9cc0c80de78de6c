import CKernels

extension ElementType {
  /// `out[t] = sum over d of tokens[t, d] * query[d]`, tokens `[tokenCount, width]` of this type, read in place. Those in
  /// 8 bits count as whole numbers: ``StoredTokens`` knows their scales.
  public func dots(
    _ tokens: UnsafeRawPointer, tokenCount: Int, width: Int, query: UnsafePointer<Float>,
    into out: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .float32:
      pb_token_dots_f32(tokens.assumingMemoryBound(to: Float.self), tokenCount, width, query, out)
    case .float16:
      pb_token_dots_f16(tokens.assumingMemoryBound(to: UInt16.self), tokenCount, width, query, out)
    case .bfloat16:
      pb_token_dots_bf16(tokens.assumingMemoryBound(to: UInt16.self), tokenCount, width, query, out)
    case .int8:
      pb_token_dots_i8(tokens.assumingMemoryBound(to: Int8.self), tokenCount, width, query, out)
    default: preconditionFailure("tokens are not stored as \(self)")
    }
  }

  /// `out[d] += sum over t of weights[t] * tokens[t, d]`, likewise.
  public func addWeightedSum(
    _ tokens: UnsafeRawPointer, tokenCount: Int, width: Int, weights: UnsafePointer<Float>,
    to out: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .float32:
      pb_token_weighted_sum_f32(tokens.assumingMemoryBound(to: Float.self), tokenCount, width, weights, out)
    case .float16:
      pb_token_weighted_sum_f16(tokens.assumingMemoryBound(to: UInt16.self), tokenCount, width, weights, out)
    case .bfloat16:
      pb_token_weighted_sum_bf16(tokens.assumingMemoryBound(to: UInt16.self), tokenCount, width, weights, out)
    case .int8:
      pb_token_weighted_sum_i8(tokens.assumingMemoryBound(to: Int8.self), tokenCount, width, weights, out)
    default: preconditionFailure("tokens are not stored as \(self)")
    }
  }
}
