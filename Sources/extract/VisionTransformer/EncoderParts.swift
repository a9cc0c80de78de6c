/// What a Vision Transformer may have or lack besides what all of them have. The names and shapes of its weights tell.
///
/// The defaults are those of the plain model (Dosovitskiy et al., 2021).
public struct EncoderParts: Codable, Hashable, Sendable {
  /// A learned [cls] token before all others.
  public var hasClassToken = true
  /// Learned tokens between [cls] and the patches (Darcet et al., 2024); DeiT's distillation token is one.
  public var registerCount = 0
  /// A position embedding that is added to the tokens, learned or not.
  public var hasPositionEmbedding = true
  public var hasPatchBias = true
  /// A norm of the patches before their positions are added (AIMv2).
  public var hasPatchNorm = false
  /// A norm of all tokens in front of the first block (CLIP).
  public var hasInputNorm = false
  public var normKind = Norm.Kind.layer
  public var hasQKVBias = true
  /// A norm of each head's queries and one of its keys.
  public var hasQueryKeyNorm = false
  /// Learned biases of the attention's scores, by how far two patches are apart (BEiT).
  public var relativePosition: RelativePosition?
  /// A norm of what the heads give, before it is projected (EVA-02).
  public var hasAttentionNorm = false
  public var hasProjectionBias = true
  /// Learned vectors that both branches of a block are multiplied with before they are added (CaiT).
  public var hasLayerScale = false
  /// Whether the perceptron is a gated one: `fc2(silu(gate) * value)` (SwiGLU; Shazeer, 2020).
  public var isGated = false
  public var hasPerceptronBias = true
  /// A norm of the perceptron's hidden values (EVA-02).
  public var hasPerceptronNorm = false
  /// Whether the model normalises its last block's output. Tokens are kept from before that.
  public var hasFinalNorm = true

  /// Whose biases of the scores a block uses.
  public enum RelativePosition: String, Codable, CaseIterable, Sendable {
    case perBlock, shared
  }

  public init() {}
}
