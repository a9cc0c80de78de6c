import Compute

/// The attention pooling of AIM (El-Nouby et al. 2024, arXiv 2401.08541; `AttentionPoolingClassifier`): learned queries look
/// at batch-normalised tokens, and what they find is averaged.
///
/// With n_t = batch norm of x_t over images and tokens: features = mean over q of ATTEND(c_q, K n_t, V n_t), where ATTEND is
/// ``LearnedQueryAttention``. The norm is folded into K and V.
package final class AIMPooling: QueryPooling {
  package let outputWidth: Int
  package let parameters: [Parameter]
  package var queries: PoolingQueries { attention.queries }
  package var batchNorms: [String: BatchNorm] { ["bn": norm.statistics] }

  private let queryCount: Int
  /// [1, Q, D]
  private let learned: Parameter
  private let norm: TokenBatchNorm
  private let attention: LearnedQueryAttention

  package init(
    _ description: AttentiveDescription, layout: TokenLayout, batchSize: Int,
    products: MatrixProducts, _ generator: inout SeededGenerator
  ) {
    let width = layout.width
    (outputWidth, queryCount) = (width, description.queryCount)
    norm = TokenBatchNorm(layout, content: description.content)
    let (key, value) = (
      Parameter("k.weight", shape: [width, width]), Parameter("v.weight", shape: [width, width])
    )
    key.initialize(fanIn: width, &generator)
    value.initialize(fanIn: width, &generator)
    learned = Parameter("cls_token", shape: [1, queryCount, width])
    learned.initialize(deviation: 0.02, &generator)
    parameters = [learned, key, value]
    let (heads, affine) = (description.headCount, norm.affine)
    var form = PoolingQueries.Form()
    form.content = description.content
    attention = LearnedQueryAttention(
      keys: TokenProjection(
        key, headCount: heads, headWidth: width / heads, affine: affine, products: products),
      values: TokenProjection(
        value, headCount: heads, headWidth: width / heads, affine: affine, products: products),
      queryCount: queryCount, form: form, layout: layout, batchSize: batchSize)
  }

  package func surveys(training: Bool) -> Bool { training }

  package func survey(_ image: ImageTokens, index: Int, group: Int) { norm.survey(image, group: group) }

  package func beginForward(count: Int, training: Bool, _ parallel: Parallel) throws {
    norm.prepare(training: training)
    attention.query.pointer.update(from: learned.values.pointer, count: learned.count)
    try attention.beginForward(parallel)
  }

  package func finishForward(count: Int, into features: SharedBuffer<Float>, _ parallel: Parallel) throws {
    try attention.finishForward(count: count, parallel)
    let (width, share) = (outputWidth, 1 / Float(queryCount))
    for image in 0..<count {
      let (found, mean) = (
        attention.output.pointer + image * queryCount * width, features.pointer + image * width
      )
      for channel in 0..<width { mean[channel] = share * found[channel] }
      for query in 1..<max(1, queryCount) {
        let more = found + query * width
        for channel in 0..<width { mean[channel] += share * more[channel] }
      }
    }
  }

  package func beginBackward(count: Int, gradient: SharedBuffer<Float>, _ parallel: Parallel) throws {
    let (width, share) = (outputWidth, 1 / Float(queryCount))
    for row in 0..<count * queryCount {
      let (from, to) = (
        gradient.pointer + row / queryCount * width, attention.outputGradient.pointer + row * width
      )
      for channel in 0..<width { to[channel] = share * from[channel] }
    }
    try attention.beginBackward(count: count, parallel)
  }

  package func finishBackward(count: Int, groupCount: Int, _ parallel: Parallel) throws {
    try attention.finishBackward(parallel)
    try Rows.add(attention.queryGradient, to: learned.gradient, count: learned.count, parallel)
  }
}
