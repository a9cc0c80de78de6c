import Compute

/// Class scores of normalised features, and the way back: `logits = features * weight^T + bias`, by OpenBLAS over
/// fixed groups of rows or classes, so that results do not depend on the number of threads.
struct LinearClassifier: Sendable {
  private static let rowsPerChunk = 64
  private static let classesPerChunk = 64

  let parameters: LinearParameters
  private var width: Int { parameters.inputWidth }
  private var classCount: Int { parameters.outputWidth }

  init(_ name: String, width: Int, classCount: Int, _ generator: inout SeededGenerator) {
    parameters = LinearParameters(name, inputWidth: width, outputWidth: classCount, &generator)
  }

  /// - Parameters:
  ///   - features: [B, W]
  ///   - logits: receives [B, C].
  func forward(
    _ features: SharedBuffer<Float>, count: Int, into logits: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    try parallel.forEachChunk(of: count, length: Self.rowsPerChunk) { _, rows, _ in
      let out = logits.pointer + rows.lowerBound * classCount
      for row in 0..<rows.count {
        (out + row * classCount).update(from: parameters.bias.values.pointer, count: classCount)
      }
      BLAS.multiply(
        transposeB: true, m: rows.count, n: classCount, k: width,
        a: features.pointer + rows.lowerBound * width, leadingA: width, b: parameters.weight.values.pointer,
        leadingB: width, beta: 1, c: out, leadingC: classCount)
    }
  }

  /// Adds to the parameters' gradients and writes the gradient with respect to the features.
  ///
  /// - Parameters:
  ///   - features: [B, W], as `forward` saw them.
  ///   - logitGradient: [B, C]
  ///   - featureGradient: receives [B, W]; nil where nobody asks for it.
  func backward(
    _ features: SharedBuffer<Float>, logitGradient: SharedBuffer<Float>, count: Int,
    into featureGradient: SharedBuffer<Float>?, _ parallel: Parallel
  ) throws {
    try parallel.forEachChunk(of: classCount, length: Self.classesPerChunk) { _, classes, _ in
      BLAS.multiply(
        transposeA: true, m: classes.count, n: width, k: count,
        a: logitGradient.pointer + classes.lowerBound, leadingA: classCount, b: features.pointer,
        leadingB: width,
        beta: 1, c: parameters.weight.gradient.pointer + classes.lowerBound * width, leadingC: width)
      let biasGradient = parameters.bias.gradient.pointer
      for row in 0..<count {
        let gradient = logitGradient.pointer + row * classCount
        for index in classes { biasGradient[index] += gradient[index] }
      }
    }
    guard let featureGradient else { return }
    try parallel.forEachChunk(of: count, length: Self.rowsPerChunk) { _, rows, _ in
      BLAS.multiply(
        m: rows.count, n: width, k: classCount, a: logitGradient.pointer + rows.lowerBound * classCount,
        leadingA: classCount, b: parameters.weight.values.pointer, leadingB: width,
        c: featureGradient.pointer + rows.lowerBound * width, leadingC: width)
    }
  }
}
