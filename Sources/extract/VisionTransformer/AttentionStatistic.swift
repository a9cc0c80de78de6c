/// What is measured in every block while an image passes through it ("Beyond [cls]", arXiv 2412.03215).
///
/// With a head's attention matrix `A` (rows after the softmax), patches `s` and `t`, and tokens counted from the prefix:
/// `r_t = sum_s A[t, s]`, `p_ts = A[t, s] / (r_t + 1e-6)`, `entropy_t = -sum_s p_ts * log(p_ts + 1e-6)`, in nats, so at
/// most `log P`. The order of the cases is the order of the values in arrays and tables.
public enum AttentionStatistic: String, Codable, CaseIterable, Sendable {
  /// `A[cls, cls]`
  case clsClsAttention = "cls_cls_attention"
  /// The mean over patches of `A[t, t]`.
  case posSelfAttention = "pos_self_attention"
  /// `A[cls, cls] / (r_cls + 1e-6)`
  case clsClsAttentionAdjusted = "cls_cls_attention_adj_for_cls"
  /// The mean over patches of `A[t, t] / (r_t + 1e-6)`.
  case posSelfAttentionAdjusted = "pos_self_attention_adj_for_cls"
  /// The mean over patches of `A[cls, t]`.
  case clsPosAttention = "cls_pos_attention"
  /// The mean over patches of `A[t, cls]`.
  case posClsAttention = "pos_cls_attention"
  /// `entropy_cls`
  case clsPosEntropy = "cls_pos_entropy"
  /// The mean over patches of `entropy_t`.
  case posPosEntropy = "pos_pos_entropy"
  /// For [cls], the norm of the attention branch's output (after its projection, before layer scale) over the norm of
  /// the block's input plus 1e-6.
  case clsMagnitude = "cls_magnitude"
  /// The mean over patches of the same quotient.
  case posMagnitude = "pos_magnitude"

  /// The statistics that every head has: the last axis of `attention_stats`.
  public static let perHead = Array(allCases.prefix(8))
  /// The statistics that a block has once: the last axis of `magnitudes`.
  public static let perBlock = Array(allCases.suffix(2))

  /// Whether an encoder without [cls] lacks this statistic. Its place in arrays then holds NaN, which means absent:
  /// tables leave it out.
  public var needsClassToken: Bool {
    switch self {
    case .posSelfAttention, .posSelfAttentionAdjusted, .posPosEntropy, .posMagnitude: false
    default: true
    }
  }
}
