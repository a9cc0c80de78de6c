/// What an encoder spends its time on.
public enum EncoderStage: Int, CaseIterable, Sendable {
  /// Patches to tokens.
  case embedding
  /// The linear layers of the blocks, with their biases, activations and additions.
  case linear
  /// Queries times keys, softmax with statistics, attention times values.
  case attention
  /// Norms, residuals and magnitudes.
  case elementwise
  /// Copies of tokens and attention rows that are kept.
  case output
}

extension EncoderConfiguration {
  /// The multiplications and additions in a stage's matrix products for one image; nil where it has none.
  public func operationCount(of stage: EncoderStage) -> Int? {
    switch stage {
    case .embedding: 2 * patchCount * channelCount * patchHeight * patchWidth * width
    case .linear: 2 * depth * tokenCount * (4 * width * width + (parts.isGated ? 3 : 2) * width * mlpWidth)
    case .attention: 2 * depth * 2 * tokenCount * tokenCount * width
    case .elementwise, .output: nil
    }
  }
}
