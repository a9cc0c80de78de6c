/// The expected calibration error of Guo et al. 2017 ("On Calibration of Modern Neural Networks", equation 3): how far
/// confidence is from accuracy, the mean over bins of |accuracy - mean confidence|, weighted by their images. The 15 bins
/// part 0 ... 1 evenly, and each holds its upper border.
struct CalibrationError: Sendable {
  private static let binCount = 15

  private struct Bin: Sendable {
    var imageCount = 0
    var rightCount = 0
    var confidenceSum = 0.0
  }

  private var bins = [Bin](repeating: Bin(), count: binCount)

  /// - Parameter confidence: one that is no number counts in the lowest bin and makes the error none either.
  mutating func add(confidence: Float, isRight: Bool) {
    let place = (Double(confidence) * Double(Self.binCount)).rounded(.up) - 1
    let bin = place > 0 ? min(Int(place), Self.binCount - 1) : 0
    bins[bin].imageCount += 1
    bins[bin].rightCount += isRight ? 1 : 0
    bins[bin].confidenceSum += Double(confidence)
  }

  /// 0 ... 1; 0 where nothing was added.
  var value: Double {
    let imageCount = bins.reduce(0) { $0 + $1.imageCount }
    return bins.reduce(0.0) { $0 + abs(Double($1.rightCount) - $1.confidenceSum) }
      / Double(max(1, imageCount))
  }
}
