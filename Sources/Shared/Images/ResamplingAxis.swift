import CKernels

/// How one side of an image is resized: which neighbours make each pixel, and with which weights.
///
/// To the bit as Pillow's `precompute_coeffs` and `normalize_coeffs_8bpc` (libImaging/Resample.c), for a window of the
/// resized side, as pixels outside the crop are not needed. Resizing to the same length has the weights 1 and 0, which
/// change nothing.
struct ResamplingAxis {
  /// The first and one past the last neighbour of any pixel in the window.
  private(set) var neighbours: Range<Int>
  /// Of every pixel in the window: its first neighbour, counted from that of all of them, and how many there are.
  private(set) var starts: [Int32] = []
  private(set) var tapCounts: [Int32] = []
  /// [window, tapStride], in units of 2^-22.
  private(set) var weights: [Int32] = []
  let tapStride: Int
  /// By how many pixels the whole side becomes shorter; negative where it becomes longer.
  let shortening: Int

  /// The number of pixels in the window.
  var count: Int { starts.count }

  /// - Parameter window: the wanted part of `0 ..< resizedLength`, not empty.
  init(sourceLength: Int, resizedLength: Int, window: Range<Int>, interpolation: Preprocessing.Interpolation)
  {
    precondition(
      !window.isEmpty && window.lowerBound >= 0 && window.upperBound <= resizedLength,
      "the window \(window) is not part of 0 ..< \(resizedLength)")
    shortening = sourceLength - resizedLength
    neighbours = 0..<sourceLength
    // Pillow keeps the source's length in single precision.
    let scale = Double(Float(sourceLength)) / Double(resizedLength)
    let filterScale = max(scale, 1)
    let inverseFilterScale = 1 / filterScale
    let support = interpolation.support * filterScale
    tapStride = Int(support.rounded(.up)) * 2 + 1
    starts.reserveCapacity(window.count)
    tapCounts.reserveCapacity(window.count)
    weights.reserveCapacity(window.count * tapStride)
    var taps: [Double] = []
    for position in window {
      let center = (Double(position) + 0.5) * scale
      let start = max(0, Int(center - support + 0.5))
      let end = min(sourceLength, Int(center + support + 0.5))
      taps.removeAll(keepingCapacity: true)
      for neighbour in start..<end {
        taps.append(interpolation.weight((Double(neighbour) - center + 0.5) * inverseFilterScale))
      }
      starts.append(Int32(start))
      tapCounts.append(Int32(end - start))
      appendNormalized(taps)
    }
    // Neither the starts nor the ends ever go back.
    let first = starts[0]
    neighbours = Int(first)..<Int(starts[count - 1] + tapCounts[count - 1])
    for index in starts.indices { starts[index] -= first }
  }

  /// The same pixels from the last one to the first.
  var reversed: ResamplingAxis {
    var axis = self
    axis.starts.reverse()
    axis.tapCounts.reverse()
    axis.weights.removeAll(keepingCapacity: true)
    for index in stride(from: count - 1, through: 0, by: -1) {
      axis.weights.append(contentsOf: weights[index * tapStride..<(index + 1) * tapStride])
    }
    return axis
  }

  /// Calls the body with the axis as the kernels take it.
  func withTaps<Result>(_ body: (pb_resample_taps) -> Result) -> Result {
    starts.withUnsafeBufferPointer { starts in
      tapCounts.withUnsafeBufferPointer { tapCounts in
        weights.withUnsafeBufferPointer { weights in
          body(
            pb_resample_taps(
              count: starts.count, tap_stride: tapStride, starts: starts.baseAddress,
              tap_counts: tapCounts.baseAddress, weights: weights.baseAddress))
        }
      }
    }
  }

  /// Scales weights to a sum of 1 and rounds them to integers, halves away from zero.
  private mutating func appendNormalized(_ taps: [Double]) {
    var sum = 0.0
    for tap in taps { sum += tap }
    for tap in taps {
      let scaled = (sum != 0 ? tap / sum : tap) * Double(1 << PB_RESAMPLE_PRECISION_BITS)
      weights.append(Int32(scaled < 0 ? -0.5 + scaled : 0.5 + scaled))
    }
    weights.append(contentsOf: repeatElement(0, count: tapStride - taps.count))
  }
}

extension Preprocessing.Interpolation {
  /// Where the filter ends, in pixels from its centre.
  fileprivate var support: Double {
    switch self {
    case .bicubic: 2
    case .bilinear: 1
    }
  }

  /// The filter, with the order of operations that Pillow has.
  fileprivate func weight(_ offset: Double) -> Double {
    let x = abs(offset)
    switch self {
    case .bilinear: return x < 1 ? 1 - x : 0
    case .bicubic where x < 1: return (1.5 * x - 2.5) * x * x + 1
    case .bicubic where x < 2: return (((x - 5) * x + 8) * x - 4) * -0.5
    case .bicubic: return 0
    }
  }
}
