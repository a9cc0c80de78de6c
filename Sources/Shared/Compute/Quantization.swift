import CKernels

/// Rounds tokens to 8 bits: the value in channel d is q[t, d] * tokenScales[t] * channelScales[d], q in -127 ... 127.
///
/// The channel scales are chosen beforehand, so that the few channels of a Vision Transformer which are much larger
/// than all others do not take the others' precision; a token's scale is what its largest value needs.
public struct TokenQuantizer: Sendable {
  /// [D]
  private let inverseScales: SharedBuffer<Float>

  /// - Parameter channelScales: [D], positive.
  public init(channelScales: [Float]) {
    inverseScales = SharedBuffer(channelScales.map { 1 / $0 })
  }

  /// - Parameters:
  ///   - values: [T, D]
  ///   - quantized: receives [T, D].
  ///   - tokenScales: receives [T]; 0 for a token of zeros.
  /// - Returns: whether the tokens could be stored: false where a value is not finite, or so large that it cannot be
  ///   divided by its channel's scale.
  public func encode(
    _ values: UnsafePointer<Float>, tokenCount: Int, into quantized: UnsafeMutablePointer<Int8>,
    tokenScales: UnsafeMutablePointer<Float>
  ) -> Bool {
    pb_quantize_tokens(
      values, tokenCount, inverseScales.count, inverseScales.pointer, quantized, tokenScales)
  }
}

/// The channel scales for ``TokenQuantizer``, from a sample of tokens.
public enum ChannelScales {
  /// The root mean square of a channel, to the power of 3/4. The root mean square itself would give every channel the same
  /// relative error; leaving a large channel some of its size costs the others little, and makes the error of the whole
  /// smaller, all the more where a channel is large in a few tokens only. The power takes two square roots, so that
  /// its bits do not depend on a mathematics library.
  ///
  /// - Parameters:
  ///   - squareSums: [D], each channel's sum of squares over the sample.
  ///   - tokenCount: the number of tokens in the sample.
  /// - Returns: [D], positive. A channel that is next to nothing in the sample is taken for 1/1024 of what a channel is
  ///   on average, as it may be larger elsewhere.
  public static func of(squareSums: [Double], tokenCount: Int) -> [Float] {
    precondition(tokenCount > 0 && !squareSums.isEmpty, "there are no scales of no tokens")
    let total = squareSums.reduce(0, +)
    guard total > 0 else { return squareSums.map { _ in 1 } }
    let least = (total / Double(squareSums.count * tokenCount)).squareRoot() / 1024
    return squareSums.map { sum in
      let size = max((sum / Double(tokenCount)).squareRoot(), least)
      return max(Float((size * size.squareRoot()).squareRoot()), .leastNormalMagnitude)
    }
  }
}
