import Compute

/// The attentional pooler of CoCa (Yu et al. 2022, arXiv 2205.01917; coca-pytorch's `CrossAttention`): heads of a width of
/// their own share one projection of keys and one of values.
///
/// features = O ATTEND(A (g * n(c_1)), K x_t, V x_t), n the normalisation to mean 0 and variance 1, and ATTEND
/// ``LearnedQueryAttention``. Of the learned queries c only the first has any effect.
package final class CoCaPooling: QueryPooling {
  package let outputWidth: Int
  package let parameters: [Parameter]
  package let constants: [Parameter]
  package var queries: PoolingQueries { attention.queries }

  private let attention: LearnedQueryAttention
  /// [Q, D]
  private let learned: Parameter
  private let norm: LayerNormLayer
  private let queryLayer: DenseLayer
  private let projection: DenseLayer
  /// [D] each: g * n(c_1) and the gradient with respect to it.
  private let normalized: SharedBuffer<Float>
  private let normalizedGradient: SharedBuffer<Float>

  package init(
    _ description: AttentiveDescription, layout: TokenLayout, batchSize: Int,
    _ generator: inout SeededGenerator
  ) {
    let width = layout.width
    let (heads, headWidth) = (description.headCount, description.headWidth!)
    outputWidth = width
    learned = Parameter("img_queries", shape: [description.queryCount, width])
    learned.initialize(deviation: 1, &generator)
    norm = LayerNormLayer(
      weight: Parameter("norm.gamma", shape: [width]), bias: Parameter("norm.beta", shape: [width]))
    queryLayer = DenseLayer(
      "to_q", inputWidth: width, outputWidth: heads * headWidth, hasBias: false, &generator)
    let pair = DenseLayer("to_kv", inputWidth: width, outputWidth: 2 * headWidth, hasBias: false, &generator)
    projection = DenseLayer(
      "to_out", inputWidth: heads * headWidth, outputWidth: width, hasBias: false, &generator)
    parameters =
      [learned, norm.weight] + queryLayer.parameters + pair.parameters + projection.parameters
    constants = [norm.bias]
    var form = PoolingQueries.Form()
    form.content = description.content
    attention = LearnedQueryAttention(
      keys: TokenProjection(pair.weight, headCount: heads, headWidth: headWidth, isShared: true),
      values: TokenProjection(
        pair.weight, firstRow: headWidth, headCount: heads, headWidth: headWidth, isShared: true),
      form: form, layout: layout, batchSize: batchSize)
    (normalized, normalizedGradient) = (SharedBuffer(count: width), SharedBuffer(count: width))
  }

  package func beginForward(count: Int, training: Bool, _ parallel: Parallel) throws {
    try norm.forward(learned.values, count: 1, into: normalized, parallel)
    try queryLayer.forward(normalized, count: 1, into: attention.query, parallel)
    try attention.beginForward(parallel)
  }

  package func finishForward(count: Int, into features: SharedBuffer<Float>, _ parallel: Parallel) throws {
    try attention.finishForward(count: count, parallel)
    try projection.forward(attention.output, count: count, into: features, parallel)
  }

  package func beginBackward(count: Int, gradient: SharedBuffer<Float>, _ parallel: Parallel) throws {
    try projection.backward(
      attention.output, outputGradient: gradient, count: count, into: attention.outputGradient, parallel)
    try attention.beginBackward(count: count, parallel)
  }

  package func finishBackward(count: Int, groupCount: Int, _ parallel: Parallel) throws {
    try attention.finishBackward(parallel)
    try queryLayer.backward(
      normalized, outputGradient: attention.queryGradient, count: 1, into: normalizedGradient, parallel)
    try norm.backward(
      learned.values, outputGradient: normalizedGradient, count: 1, into: learned.gradient, adding: true,
      parallel)
    norm.bias.gradient.fill(0)
  }
}
