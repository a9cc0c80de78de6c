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
