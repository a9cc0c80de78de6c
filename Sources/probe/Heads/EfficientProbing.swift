import Compute

/// Efficient probing (Psomas et al. 2025, arXiv 2506.10178; `EfficientProbing`): Q learned queries look at the tokens
/// themselves, without a key projection, and each gives its own slice of the value projection.
///
/// a_q = softmax over t of (D^-1/2 u_q . x_t); features = the concatenation over q of V_q (sum over t of a_qt x_t), where
/// V_q is the q-th of Q slices of rows of the value projection V [D / d_out, D]. V is applied after pooling.
package final class EfficientProbing: QueryPooling {
  package let outputWidth: Int
  package let parameters: [Parameter]
  package let queries: PoolingQueries

  /// [1, Q, D]
  private let learned: Parameter
  private let values: TokenProjection
  private let scale: Float

  package init(
    _ description: AttentiveDescription, layout: TokenLayout, batchSize: Int,
    products: MatrixProducts, _ generator: inout SeededGenerator
  ) {
    outputWidth = layout.width / description.outputDivisor
    scale = 1 / Float(layout.width).squareRoot()
    let weight = Parameter("v.weight", shape: [outputWidth, layout.width])
    weight.initialize(fanIn: layout.width, &generator)
    learned = Parameter("cls_token", shape: [1, description.queryCount, layout.width])
    learned.initialize(deviation: 0.02, &generator)
    parameters = [learned, weight]
    values = TokenProjection(
      weight, headCount: description.queryCount, headWidth: outputWidth / description.queryCount,
      products: products)
    var form = PoolingQueries.Form(count: description.queryCount)
    form.content = description.content
    queries = PoolingQueries(form, layout: layout, batchSize: batchSize)
  }

  package func beginForward(count: Int, training: Bool, _ parallel: Parallel) {
    let (from, to) = (learned.values.pointer, queries.values.pointer)
    for index in 0..<learned.count { to[index] = scale * from[index] }
  }

  package func finishForward(count: Int, into features: SharedBuffer<Float>, _ parallel: Parallel) throws {
    try values.projectValues(queries.sums, count: count, into: features, parallel)
  }

  package func beginBackward(count: Int, gradient: SharedBuffer<Float>, _ parallel: Parallel) throws {
    try values.projectValuesBackward(queries.sums, gradient: gradient, count: count, parallel)
  }

  package func finishBackward(count: Int, groupCount: Int, _ parallel: Parallel) {
    let (from, to) = (queries.gradients.pointer, learned.gradient.pointer)
    for index in 0..<learned.count { to[index] += scale * from[index] }
  }
}
