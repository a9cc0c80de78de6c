import CKernels

/// The order of classes by their scores. Of equal scores the lower index comes first, so that accuracies do not depend
/// on how a sort happens to treat ties; a score that is no number comes last.
public enum Ranking {
  /// - Returns: how many classes come before the label: 0 where it has the highest score.
  public static func rank(of label: Int, in scores: UnsafeBufferPointer<Float>) -> Int {
    precondition(scores.indices.contains(label), "\(label) is none of \(scores.count) classes")
    return pb_rank_of(scores.baseAddress!, scores.count, label)
  }

  /// - Returns: the class with the highest score.
  public static func best(_ scores: UnsafeBufferPointer<Float>) -> Int {
    precondition(!scores.isEmpty, "no class is the best of none")
    return pb_best_of(scores.baseAddress!, scores.count)
  }
}
