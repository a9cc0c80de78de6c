import CKernels

extension StoredTokens {
  /// The mean of each token and `1 / sqrt(variance + epsilon)`: what a layer norm subtracts and multiplies by.
  ///
  /// - Parameters:
  ///   - mean: receives [tokenCount].
  ///   - inverseDeviation: receives [tokenCount].
  public func moments(
    epsilon: Float, mean: UnsafeMutablePointer<Float>, inverseDeviation: UnsafeMutablePointer<Float>
  ) {
    func take<Element>(
      _ kernel: (
        UnsafePointer<Element>?, Int, Int, UnsafePointer<Float>?, UnsafePointer<Float>?, Float,
        UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>?
      ) -> Void
    ) {
      kernel(
        pointer.assumingMemoryBound(to: Element.self), tokenCount, width, scales?.tokens, scales?.channels,
        epsilon, mean, inverseDeviation)
    }
    switch type {
    case .float32: take(pb_token_moments_f32)
    case .float16: take(pb_token_moments_f16)
    case .bfloat16: take(pb_token_moments_bf16)
    case .int8: take(pb_token_moments_i8)
    default: preconditionFailure("tokens are not stored as \(type)")
    }
  }

  /// Writes the tokens after a layer norm, `(x - mean) / sqrt(variance + epsilon) * weight + bias` with each token's own
  /// mean and variance over its width (Ba et al. 2016; PyTorch's LayerNorm), in single precision; or, where it does not
  /// centre, `x / sqrt(mean of x^2 + epsilon) * weight + bias` (Zhang and Sennrich 2019; RMSNorm).
  ///
  /// - Parameters:
  ///   - weight: [width]
  ///   - bias: [width]
  ///   - destination: receives [tokenCount, width].
  public func normalize(
    weight: UnsafePointer<Float>, bias: UnsafePointer<Float>, centers: Bool = true, epsilon: Float,
    into destination: UnsafeMutablePointer<Float>
  ) {
    func write<Element>(
      _ kernel: (
        UnsafePointer<Element>?, Int, Int, UnsafePointer<Float>?, UnsafePointer<Float>?,
        UnsafePointer<Float>?, UnsafePointer<Float>?, CInt, Float, UnsafeMutablePointer<Float>?
      ) -> Void
    ) {
      kernel(
        pointer.assumingMemoryBound(to: Element.self), tokenCount, width, scales?.tokens, scales?.channels,
        weight, bias, centers ? 1 : 0, epsilon, destination)
    }
    switch type {
    case .float32: write(pb_token_norm_f32)
    case .float16: write(pb_token_norm_f16)
    case .bfloat16: write(pb_token_norm_bf16)
    case .int8: write(pb_token_norm_i8)
    default: preconditionFailure("tokens are not stored as \(type)")
    }
  }
}
