/// What a head says of one image.
public struct Prediction: Equatable, Sendable {
  /// The class with the highest score.
  public let best: Int
  /// How many classes come before the image's own: 0 where the prediction is right.
  public let labelRank: Int

  /// - Parameters:
  ///   - logits: [B, C]
  ///   - labels: [B], each in `0 ..< classCount`.
  /// - Returns: one prediction an image.
  public static func of(logits: [Float], labels: [Int32], classCount: Int) -> [Prediction] {
    precondition(
      logits.count == labels.count * classCount,
      "\(logits.count) logits do not fit \(labels.count) labels of \(classCount) classes")
    return logits.withUnsafeBufferPointer { logits in
      labels.enumerated().map { row, label in
        let scores = UnsafeBufferPointer(rebasing: logits[row * classCount..<(row + 1) * classCount])
        return Prediction(best: Ranking.best(scores), labelRank: Ranking.rank(of: Int(label), in: scores))
      }
    }
  }
}
