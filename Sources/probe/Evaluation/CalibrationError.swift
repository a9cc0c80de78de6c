/// How right predictions of about the same confidence are.
public struct CalibrationBin: Codable, Equatable, Sendable {
  /// The share of the images that are right, and the mean of their confidences, 0 ... 1.
  public let accuracy: Double
  public let confidence: Double
  /// At least one.
  public let imageCount: Int

  enum CodingKeys: String, CodingKey {
    case accuracy, confidence
    case imageCount = "images"
  }
}

/// The expected calibration error of Guo et al. 2017 ("On Calibration of Modern Neural Networks", equation 3): how far
/// confidence is from accuracy, the mean over bins of |accuracy - mean confidence|, weighted by their images. The 15 bins
/// part 0 ... 1 evenly, and each holds its upper border.
public struct CalibrationError: Sendable {
  public static let binCount = 15

  private struct Bin: Sendable {
    var imageCount = 0
    var rightCount = 0
    var confidenceSum = 0.0
  }

  private var counts = [Bin](repeating: Bin(), count: binCount)

  /// - Parameter confidence: one that is no number counts in the lowest bin and makes the error none either.
  mutating func add(confidence: Float, isRight: Bool) {
    let place = (Double(confidence) * Double(Self.binCount)).rounded(.up) - 1
    let bin = place > 0 ? min(Int(place), Self.binCount - 1) : 0
    counts[bin].imageCount += 1
    counts[bin].rightCount += isRight ? 1 : 0
    counts[bin].confidenceSum += Double(confidence)
  }

  /// 0 ... 1; 0 where nothing was added.
  public var value: Double {
    let imageCount = counts.reduce(0) { $0 + $1.imageCount }
    return counts.reduce(0.0) { $0 + abs(Double($1.rightCount) - $1.confidenceSum) }
      / Double(max(1, imageCount))
  }

  /// [15], from the least confident on; nil where no prediction is that confident.
  public var bins: [CalibrationBin?] {
    counts.map { bin in
      let count = Double(bin.imageCount)
      return bin.imageCount == 0
        ? nil
        : CalibrationBin(
          accuracy: Double(bin.rightCount) / count, confidence: bin.confidenceSum / count,
          imageCount: bin.imageCount)
    }
  }
}
