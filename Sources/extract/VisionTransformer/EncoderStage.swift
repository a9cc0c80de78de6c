/// What an encoder spends its time on.
public enum EncoderStage: Int, CaseIterable, Sendable {
  /// Patches to tokens.
  case embedding
  /// The linear layers of the blocks, with their biases, activations and additions.
  case linear
  /// Queries times keys, attention times values.
  case attentionProducts
  /// The softmax and its statistics.
  case softmax
  /// Norms, residuals and magnitudes.
  case elementwise
  /// Copies of tokens and attention rows that are kept.
  case output
}
