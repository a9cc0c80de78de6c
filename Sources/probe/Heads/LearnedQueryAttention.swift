import Compute

/// Multi-head cross-attention (Vaswani et al. 2017) from a few learned queries to an image's tokens, without its output
/// projection: for head h, sum over t of a_t (V n_t)_h with a = softmax over t of d^-1/2 q_h . (K n_t)_h, side by side.
final class LearnedQueryAttention: Sendable {
  let queries: PoolingQueries
  /// [Q, H d], to be written before `beginForward`; and after `finishBackward` the gradient with respect to it.
  let query: SharedBuffer<Float>
  let queryGradient: SharedBuffer<Float>
  /// [B, Q, H d], after `finishForward`; and, to be written before `beginBackward`, the gradient with respect to it.
  let output: SharedBuffer<Float>
  let outputGradient: SharedBuffer<Float>
  private let queryCount: Int
  private let keys: TokenProjection
  private let values: TokenProjection

  /// - Parameter form: of the attention; its number of queries is set here.
  init(
    keys: TokenProjection, values: TokenProjection, queryCount: Int = 1, form: PoolingQueries.Form,
    layout: TokenLayout, batchSize: Int
  ) {
    var form = form
    form.count = queryCount * keys.headCount
    queries = PoolingQueries(form, layout: layout, batchSize: batchSize)
    let outputWidth = keys.headCount * keys.headWidth
    (query, queryGradient) = (
      SharedBuffer(count: queryCount * outputWidth), SharedBuffer(count: queryCount * outputWidth)
    )
    output = SharedBuffer(count: batchSize * queryCount * outputWidth)
    outputGradient = SharedBuffer(count: output.count)
    self.queryCount = queryCount
    self.keys = keys
    self.values = values
  }

  func beginForward(_ parallel: Parallel) throws {
    try keys.fold(parallel)
    try values.fold(parallel)
    try keys.foldKeys(query, count: queryCount, into: queries.values, parallel)
  }

  func finishForward(count: Int, _ parallel: Parallel) throws {
    try values.projectValues(queries.sums, count: count * queryCount, into: output, parallel)
  }

  func beginBackward(count: Int, _ parallel: Parallel) throws {
    keys.clear()
    values.clear()
    try values.projectValuesBackward(
      queries.sums, gradient: outputGradient, count: count * queryCount, parallel)
  }

  func finishBackward(_ parallel: Parallel) throws {
    try keys.foldKeysBackward(
      query, gradient: queries.gradients, count: queryCount, into: queryGradient, parallel)
    try keys.unfold(parallel)
    try values.unfold(parallel)
  }
}
