import Compute

/// Each feature's mean and standard deviation over the images that something is fitted to: features are taken as
/// (x - mean) / deviation. A feature that never changes has the deviation 1, so that it becomes 0.
struct Standardization: Sendable {
  /// [D]
  let means: SharedBuffer<Double>
  /// [D], one over the standard deviation (of the population, as scikit-learn's `StandardScaler`).
  let scales: SharedBuffer<Double>

  private static let rowsPerBlock = 4096
  private static let featuresPerChunk = 64

  init(of features: LabelledFeatures, _ parallel: Parallel) throws {
    let width = features.width
    let sums = SharedBuffer<Double>(count: width)
    let squares = SharedBuffer<Double>(count: width)
    // Distances from the first row: nothing cancels, and what never changes is exactly 0.
    for start in stride(from: 0, to: features.count, by: Self.rowsPerBlock) {
      let rows = start..<min(features.count, start + Self.rowsPerBlock)
      try parallel.forEachChunk(of: width, length: Self.featuresPerChunk) { _, chunk, _ in
        let origin = features.features(0)
        for row in rows {
          let values = features.features(row)
          for index in chunk {
            let distance = Double(values[index]) - Double(origin[index])
            sums.pointer[index] += distance
            squares.pointer[index] += distance * distance
          }
        }
      }
    }
    let origin = features.features(0)
    means = SharedBuffer(count: width)
    scales = SharedBuffer(count: width)
    for index in 0..<width {
      let mean = sums.pointer[index] / Double(features.count)
      let variance = squares.pointer[index] / Double(features.count) - mean * mean
      means.pointer[index] = Double(origin[index]) + mean
      scales.pointer[index] = variance > 0 ? 1 / variance.squareRoot() : 1
    }
  }

  func apply(_ features: UnsafePointer<Float>, into out: UnsafeMutablePointer<Double>) {
    let (means, scales) = (means.pointer, scales.pointer)
    for index in 0..<self.means.count {
      out[index] = (Double(features[index]) - means[index]) * scales[index]
    }
  }

  /// Rounded once: a mean in single precision would be off by more than a small deviation far from zero.
  func apply(_ features: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>) {
    let (means, scales) = (means.pointer, scales.pointer)
    for index in 0..<self.means.count {
      out[index] = Float((Double(features[index]) - means[index]) * scales[index])
    }
  }
}
