import CKernels
import Compute
import Foundation

/// What a classifier says of one image with one label.
public struct Prediction: BitwiseCopyable, Equatable, Sendable {
  /// The class with the highest score.
  public let best: Int
  /// How many classes come before the image's own: 0 where the prediction is right.
  public let labelRank: Int
  /// The share of the best class under softmax, 0 ... 1.
  public let confidence: Float
  /// The cross entropy of softmax with the label, in nats.
  public let loss: Float

  public init(best: Int, labelRank: Int, confidence: Float, loss: Float) {
    self.best = best
    self.labelRank = labelRank
    self.confidence = confidence
    self.loss = loss
  }

  init(scores: UnsafeBufferPointer<Float>, label: Int) {
    best = Ranking.best(scores)
    labelRank = Ranking.rank(of: label, in: scores)
    let maximum = scores[best]
    let sum = pb_exponential_sum(scores.baseAddress!, scores.count, maximum)
    confidence = 1 / sum
    // In this order a right and certain answer keeps its small loss.
    loss = Float(log(Double(sum)) + (Double(maximum) - Double(scores[label])))
  }

  /// - Parameters:
  ///   - logits: [B, C]
  ///   - labels: [B], each in `0 ..< classCount`.
  /// - Returns: one prediction an image.
  public static func of(
    logits: UnsafeBufferPointer<Float>, labels: [Int32], classCount: Int, _ parallel: Parallel
  ) throws -> [Prediction] {
    precondition(
      logits.count == labels.count * classCount,
      "\(logits.count) logits do not fit \(labels.count) labels of \(classCount) classes")
    let logits = SharedView(logits)
    let predictions = SharedBuffer<Prediction>(count: labels.count)
    try parallel.forEachChunk(of: labels.count, length: 32) { _, rows, _ in
      for row in rows {
        let scores = UnsafeBufferPointer(
          rebasing: logits.buffer[row * classCount..<(row + 1) * classCount])
        predictions.pointer[row] = Prediction(scores: scores, label: Int(labels[row]))
      }
    }
    return predictions.array
  }
}
