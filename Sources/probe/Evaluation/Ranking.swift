/// The order of classes by their scores. Of equal scores the lower index comes first, so that accuracies do not depend
/// on how a sort happens to treat ties; a score that is no number comes last.
public enum Ranking {
  /// - Returns: how many classes come before the label: 0 where it has the highest score.
  public static func rank(of label: Int, in scores: UnsafeBufferPointer<Float>) -> Int {
    var rank = 0
    for index in scores.indices where index != label && comes(index, before: label, scores) { rank += 1 }
    return rank
  }

  /// - Returns: the class with the highest score.
  public static func best(_ scores: UnsafeBufferPointer<Float>) -> Int {
    var best = 0
    for index in scores.indices.dropFirst() where comes(index, before: best, scores) { best = index }
    return best
  }

  private static func comes(_ a: Int, before b: Int, _ scores: UnsafeBufferPointer<Float>) -> Bool {
    if scores[a].isNaN { return scores[b].isNaN && a < b }
    if scores[b].isNaN { return true }
    return scores[a] > scores[b] || (scores[a] == scores[b] && a < b)
  }
}
