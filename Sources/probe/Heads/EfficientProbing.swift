import Compute
import Tensors

/// Efficient probing (Psomas et al. 2025, arXiv 2506.10178; `EfficientProbing`): Q learned queries look at the tokens
/// themselves, without a key projection, and each gives its own slice of the value projection.
///
/// a_q = softmax over t of (D^-1/2 u_q . x_t); features = the concatenation over q of V_q (sum over t of a_qt x_t), where
/// V_q is the q-th of Q slices of rows of the value projection V [D / d_out, D]. V is applied after pooling.
package final class EfficientProbing: QueryPooling {
  package let outputWidth: Int
  package let parameters: [Parameter]
  package let queries: PoolingQueries

  private let width: Int
  private let queryCount: Int
  /// [1, Q, D]
  private let learned: Parameter
  /// [D / d_out, D]
  private let value: Parameter
  private let scale: Float

  package init(
    _ description: AttentiveDescription, layout: TokenLayout, batchSize: Int,
    _ generator: inout SeededGenerator
  ) {
    width = layout.width
    queryCount = description.queryCount
    outputWidth = width / description.outputDivisor
    scale = 1 / Float(width).squareRoot()
    value = Parameter("v.weight", shape: [outputWidth, width])
    value.initialize(fanIn: width, &generator)
    learned = Parameter("cls_token", shape: [1, queryCount, width])
    learned.initialize(deviation: 0.02, &generator)
    parameters = [learned, value]
    var form = PoolingQueries.Form(count: queryCount)
    form.content = description.content
    queries = PoolingQueries(form, layout: layout, batchSize: batchSize)
  }

  private var sliceWidth: Int { outputWidth / queryCount }

  package func beginForward(count: Int, training: Bool, _ parallel: Parallel) {
    for index in 0..<learned.count {
      queries.values.pointer[index] = scale * learned.values.pointer[index]
    }
  }

  package func finishForward(count: Int, into features: SharedBuffer<Float>, _ parallel: Parallel) throws {
    try parallel.forEachChunk(of: count, length: 64) { _, images, _ in
      for query in 0..<queryCount {
        BLAS.multiply(
          transposeB: true, m: images.count, n: sliceWidth, k: width,
          a: queries.sums.pointer + (images.lowerBound * queryCount + query) * width,
          leadingA: queryCount * width, b: value.values.pointer + query * sliceWidth * width, leadingB: width,
          c: features.pointer + images.lowerBound * outputWidth + query * sliceWidth, leadingC: outputWidth)
      }
    }
  }

  package func beginBackward(count: Int, gradient: SharedBuffer<Float>, _ parallel: Parallel) throws {
    try parallel.forEach(queryCount) { query, _ in
      BLAS.multiply(
        transposeA: true, m: sliceWidth, n: width, k: count, a: gradient.pointer + query * sliceWidth,
        leadingA: outputWidth, b: queries.sums.pointer + query * width, leadingB: queryCount * width, beta: 1,
        c: value.gradient.pointer + query * sliceWidth * width, leadingC: width)
    }
    try parallel.forEachChunk(of: count, length: 64) { _, images, _ in
      for query in 0..<queryCount {
        BLAS.multiply(
          m: images.count, n: width, k: sliceWidth,
          a: gradient.pointer + images.lowerBound * outputWidth + query * sliceWidth, leadingA: outputWidth,
          b: value.values.pointer + query * sliceWidth * width, leadingB: width,
          c: queries.sums.pointer + (images.lowerBound * queryCount + query) * width,
          leadingC: queryCount * width)
      }
    }
  }

  package func finishBackward(count: Int, groupCount: Int, _ parallel: Parallel) {
    for index in 0..<learned.count {
      learned.gradient.pointer[index] += scale * queries.gradients.pointer[index]
    }
  }
}
