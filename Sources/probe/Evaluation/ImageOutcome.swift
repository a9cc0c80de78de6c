import CKernels
import Foundation

/// What became of one image, be it of one class or of several.
public struct ImageOutcome: BitwiseCopyable, Equatable, Sendable {
  /// The class with the highest score.
  public let best: Int
  /// Of 0 to 1, that the image is of this class.
  public let confidence: Float
  /// Cross entropy in nats; of several labels the binary one, the mean over classes.
  public let loss: Float
  /// Whether that class is the image's, or one of them.
  public let isRight: Bool

  public init(best: Int, confidence: Float, loss: Float, isRight: Bool) {
    (self.best, self.confidence, self.loss, self.isRight) = (best, confidence, loss, isRight)
  }

  public init(_ prediction: Prediction) {
    self.init(
      best: prediction.best, confidence: prediction.confidence, loss: prediction.loss,
      isRight: prediction.labelRank == 0)
  }

  /// - Parameters:
  ///   - scores: [C]
  ///   - classes: the image's.
  public init(scores: UnsafeBufferPointer<Float>, classes: ArraySlice<Int32>) {
    let best = Ranking.best(scores)
    let own = classes.reduce(0.0) { $0 + Double(scores[Int($1)]) }
    self.init(
      best: best, confidence: Float(1 / (1 + exp(-Double(scores[best])))),
      loss: Float((Double(pb_softplus_sum(scores.baseAddress!, scores.count)) - own) / Double(scores.count)),
      isRight: classes.contains(Int32(best)))
  }
}
