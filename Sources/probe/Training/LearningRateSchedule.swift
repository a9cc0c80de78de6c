import Foundation

/// Linear warm-up, then half a cosine down to the minimum (the seed's `lr_sched.adjust_learning_rate`).
public struct LearningRateSchedule: Codable, Equatable, Sendable {
  public var peak: Double
  public var minimum: Double
  public var warmupEpochs: Double
  public var epochs: Double

  public init(peak: Double, minimum: Double, warmupEpochs: Double, epochs: Double) {
    self.peak = peak
    self.minimum = minimum
    self.warmupEpochs = warmupEpochs
    self.epochs = epochs
  }

  /// - Parameter epoch: how far training is, in epochs, with fractions.
  public func learningRate(at epoch: Double) -> Double {
    if epoch < warmupEpochs { return peak * epoch / warmupEpochs }
    guard epochs > warmupEpochs else { return peak }
    let progress = (epoch - warmupEpochs) / (epochs - warmupEpochs)
    return minimum + (peak - minimum) * 0.5 * (1 + cos(.pi * progress))
  }

  enum CodingKeys: String, CodingKey {
    case peak, minimum, epochs
    case warmupEpochs = "warmup_epochs"
  }
}
