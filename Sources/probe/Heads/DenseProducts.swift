import Compute

/// The three matrix products of a linear layer y = x W^T over the rows of a batch, on fixed chunks of rows, so that results
/// do not depend on the number of threads.
enum DenseProducts {
  private static let chunkLength = 64

  /// y = x W^T, or added to it.
  ///
  /// - Parameters:
  ///   - x: [M, in]
  ///   - weight: [out, in]
  ///   - y: [M, out]
  static func forward(
    _ x: SharedBuffer<Float>, count: Int, weight: Parameter, into y: SharedBuffer<Float>,
    adding: Bool = false, _ parallel: Parallel
  ) throws {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    try parallel.forEachChunk(of: count, length: chunkLength) { _, rows, _ in
      BLAS.multiply(
        transposeB: true, m: rows.count, n: outputs, k: inputs, a: x.pointer + rows.lowerBound * inputs,
        leadingA: inputs, b: weight.values.pointer, leadingB: inputs, beta: adding ? 1 : 0,
        c: y.pointer + rows.lowerBound * outputs, leadingC: outputs)
    }
  }

  /// x = y W: the gradient with respect to the input from the one with respect to the output, or the product with W^T.
  static func backward(
    _ y: SharedBuffer<Float>, count: Int, weight: Parameter, into x: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    try parallel.forEachChunk(of: count, length: chunkLength) { _, rows, _ in
      BLAS.multiply(
        m: rows.count, n: inputs, k: outputs, a: y.pointer + rows.lowerBound * outputs, leadingA: outputs,
        b: weight.values.pointer, leadingB: inputs, c: x.pointer + rows.lowerBound * inputs, leadingC: inputs)
    }
  }

  /// Adds y^T x to the weight's gradient.
  static func addGradient(
    _ y: SharedBuffer<Float>, _ x: SharedBuffer<Float>, count: Int, to weight: Parameter, _ parallel: Parallel
  ) throws {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    try parallel.forEachChunk(of: outputs, length: chunkLength) { _, rows, _ in
      BLAS.multiply(
        transposeA: true, m: rows.count, n: inputs, k: count, a: y.pointer + rows.lowerBound,
        leadingA: outputs, b: x.pointer, leadingB: inputs, beta: 1,
        c: weight.gradient.pointer + rows.lowerBound * inputs, leadingC: inputs)
    }
  }
}
