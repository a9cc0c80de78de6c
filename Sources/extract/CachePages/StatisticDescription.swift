/// What one of the statistics of attention is, for people.
struct StatisticDescription: Sendable {
  enum Quantity: Sendable {
    /// A part of all attention of a token.
    case share
    /// Of attention to patches.
    case entropy
    /// Of one part to another.
    case ratioOfShares
    /// Of two norms.
    case ratio

    var axis: (label: String, unit: String?) {
      switch self {
      case .share: ("share of attention", nil)
      case .entropy: ("entropy", "nats")
      case .ratioOfShares: ("ratio of attention", nil)
      case .ratio: ("ratio of norms", nil)
      }
    }

    /// What a value can be: a deviation does not reach beyond.
    func limits(maximumEntropy: Double) -> ClosedRange<Double> {
      switch self {
      case .share: 0...1
      case .entropy: 0...max(0, maximumEntropy)
      case .ratioOfShares, .ratio: 0...Double.greatestFiniteMagnitude
      }
    }
  }

  /// As in the cache and in CSV.
  let name: String
  let title: String
  /// What is measured, with attention A, patches t and s, and r_t the sum over patches s of A[t, s].
  let meaning: String
  let quantity: Quantity

  /// In the order of the cache.
  static let all = [
    StatisticDescription(
      name: "cls_cls_attention", title: "Attention of [cls] to itself", meaning: "A[cls, cls].",
      quantity: .share),
    StatisticDescription(
      name: "pos_self_attention", title: "Attention of patches to themselves",
      meaning: "Mean over patches t of A[t, t].", quantity: .share),
    StatisticDescription(
      name: "cls_cls_attention_adj_for_cls", title: "[cls] to itself over [cls] to patches",
      meaning: "A[cls, cls] / r_cls.", quantity: .ratioOfShares),
    StatisticDescription(
      name: "pos_self_attention_adj_for_cls", title: "Patches to themselves, among patches",
      meaning: "Mean over patches t of A[t, t] / r_t.", quantity: .share),
    StatisticDescription(
      name: "cls_pos_attention", title: "Attention of [cls] to a patch",
      meaning: "Mean over patches t of A[cls, t].", quantity: .share),
    StatisticDescription(
      name: "pos_cls_attention", title: "Attention of patches to [cls]",
      meaning: "Mean over patches t of A[t, cls].", quantity: .share),
    StatisticDescription(
      name: "cls_pos_entropy", title: "Entropy of the attention of [cls] to patches",
      meaning: "Of A[cls, s] / r_cls over patches s: low where [cls] selects few patches.", quantity: .entropy
    ),
    StatisticDescription(
      name: "pos_pos_entropy", title: "Entropy of the attention of patches to patches",
      meaning: "Mean over patches t of the entropy of A[t, s] / r_t over patches s.", quantity: .entropy),
    StatisticDescription(
      name: "cls_magnitude", title: "What attention adds to [cls]",
      meaning: "Norm of the attention branch's output over that of the block's input.", quantity: .ratio),
    StatisticDescription(
      name: "pos_magnitude", title: "What attention adds to patches",
      meaning: "The same, mean over patches.", quantity: .ratio),
  ]
}
