import Compute

/// The attentive head of the context autoencoder (Chen et al. 2022, arXiv 2202.03026; `CAEAttentiveBlock`): cross-attention
/// with a layer norm each for query, keys and values.
///
/// features = P ATTEND(A LayerNorm_q(c), K LayerNorm_k(x_t), V LayerNorm_v(x_t)) + p, where ATTEND is
/// ``LearnedQueryAttention``. `norm2_cross` is in the file, and nothing uses it.
package final class CAEPooling: QueryPooling {
  package let outputWidth: Int
  package let parameters: [Parameter]
  package let constants: [Parameter]
  package var queries: PoolingQueries { attention.queries }

  private let attention: LearnedQueryAttention
  /// [1, 1, D]
  private let learned: Parameter
  private let norm: LayerNormLayer
  private let queryLayer: DenseLayer
  private let projection: DenseLayer
  /// [D] each: LayerNorm_q(c) and the gradient with respect to it.
  private let normalized: SharedBuffer<Float>
  private let normalizedGradient: SharedBuffer<Float>

  package init(
    _ description: AttentiveDescription, layout: TokenLayout, batchSize: Int,
    _ generator: inout SeededGenerator
  ) {
    let (width, heads) = (layout.width, description.headCount)
    outputWidth = width
    func layer(_ name: String, hasBias: Bool) -> DenseLayer {
      DenseLayer("cross_attn." + name, inputWidth: width, outputWidth: width, hasBias: hasBias, &generator)
    }
    learned = Parameter("query_token", shape: [1, 1, width])
    norm = LayerNormLayer("norm1_q", width: width)
    let (keyNorm, valueNorm) = (
      LayerNormLayer("norm1_k", width: width), LayerNormLayer("norm1_v", width: width)
    )
    queryLayer = layer("q", hasBias: false)
    let (key, value) = (layer("k", hasBias: false), layer("v", hasBias: false))
    projection = layer("proj", hasBias: true)
    parameters =
      [learned] + norm.parameters + keyNorm.parameters + valueNorm.parameters + queryLayer.parameters
      + key.parameters + value.parameters + projection.parameters
    constants = LayerNormLayer("norm2_cross", width: width).parameters
    var form = PoolingQueries.Form()
    form.content = description.content
    form.layerNormEpsilon = keyNorm.epsilon
    attention = LearnedQueryAttention(
      keys: TokenProjection(
        key.weight, headCount: heads, headWidth: width / heads, affine: TokenAffine(keyNorm)),
      values: TokenProjection(
        value.weight, headCount: heads, headWidth: width / heads, affine: TokenAffine(valueNorm)),
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
  }
}
