import Compute

/// The norm after an encoder's last block, which stored tokens have not been through, applied to them:
/// `(x - mean) / sqrt(variance + epsilon) * weight + bias`, with each token's own mean and variance (Ba et al. 2016), or
/// without a mean: `x / sqrt(mean of x^2 + epsilon) * weight + bias` (Zhang and Sennrich 2019).
public struct TokenNorm: Sendable {
  /// What `--token-norm` chooses.
  public enum Choice: String, Codable, CaseIterable, Sendable {
    /// Tokens as they are stored.
    case none
    /// The encoder's norm after its last block.
    case final
  }

  /// [D]
  package let weight: SharedBuffer<Float>
  /// [D]
  package let bias: SharedBuffer<Float>
  package let epsilon: Float
  package let isCentered: Bool

  /// - Parameter isCentered: whether each token's mean is subtracted.
  public init(weight: [Float], bias: [Float], epsilon: Float, isCentered: Bool = true) {
    precondition(weight.count == bias.count, "\(weight.count) weights and \(bias.count) biases")
    self.weight = SharedBuffer(weight)
    self.bias = SharedBuffer(bias)
    self.epsilon = epsilon
    self.isCentered = isCentered
  }

  /// - Parameter destination: receives [T, D]. The result is a view of it.
  public func normalize(_ tokens: StoredTokens, into destination: UnsafeMutablePointer<Float>) -> StoredTokens
  {
    precondition(
      tokens.width == weight.count, "tokens of width \(tokens.width), a norm of width \(weight.count)")
    tokens.normalize(
      weight: weight.pointer, bias: bias.pointer, centers: isCentered, epsilon: epsilon, into: destination)
    return StoredTokens(.float32, destination, tokenCount: tokens.tokenCount, width: tokens.width)
  }
}
