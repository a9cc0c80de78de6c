import Compute

/// The attentive pooler of V-JEPA (Bardes et al. 2024, arXiv 2404.08471; `AttentivePooler` of depth 1 with its complete
/// block): one learned query c and a Transformer block of cross-attention.
///
/// With n_t = LayerNorm(x_t): z = c + P ATTEND(A c + a, K n_t + k, V n_t + v) + p; features = z + MLP(LayerNorm(z)), where
/// ATTEND is ``LearnedQueryAttention``. All that follows the weighted sums works on one row an image.
package final class JEPAPooling: QueryPooling {
  /// `init_std`
  private static let start = Initialization.truncatedNormal(deviation: 0.02)
  private static let block = "cross_attention_block."

  package let outputWidth: Int
  package let parameters: [Parameter]
  package var queries: PoolingQueries { attention.queries }

  private let attention: LearnedQueryAttention
  /// [1, 1, D]
  private let learned: Parameter
  private let queryLayer: DenseLayer
  private let projection: DenseLayer
  private let norm: LayerNormLayer
  private let perceptron: Perceptron
  /// [B, D] each: z, LayerNorm(z), and the gradients with respect to them.
  private let residual: SharedBuffer<Float>
  private let normalized: SharedBuffer<Float>
  private let residualGradient: SharedBuffer<Float>
  private let normalizedGradient: SharedBuffer<Float>

  package init(
    _ description: AttentiveDescription, layout: TokenLayout, batchSize: Int,
    products: MatrixProducts, _ generator: inout SeededGenerator
  ) {
    let (width, heads) = (layout.width, description.headCount)
    outputWidth = width
    func layer(_ name: String, outputWidth: Int) -> DenseLayer {
      DenseLayer(
        Self.block + name, inputWidth: width, outputWidth: outputWidth, initialization: Self.start,
        products: products,
        &generator)
    }
    learned = Parameter("query_tokens", shape: [1, 1, width])
    learned.initialize(truncatedNormal: 0.02, &generator)
    let tokenNorm = LayerNormLayer(Self.block + "norm1", width: width)
    queryLayer = layer("xattn.q", outputWidth: width)
    let pair = layer("xattn.kv", outputWidth: 2 * width)
    projection = layer("xattn.proj", outputWidth: width)
    norm = LayerNormLayer(Self.block + "norm2", width: width)
    perceptron = Perceptron(
      Self.block + "mlp", width: width, rowCount: batchSize, initialization: Self.start, products: products,
      &generator)
    // What is added to the residual starts smaller, as if there were a layer above (`_rescale_blocks`).
    for weight in [projection.weight, perceptron.second.weight] {
      for index in 0..<weight.count { weight.values.pointer[index] /= Float(2).squareRoot() }
    }
    parameters =
      [learned] + tokenNorm.parameters + queryLayer.parameters + pair.parameters + projection.parameters
      + norm.parameters + perceptron.parameters
    let affine = TokenAffine(tokenNorm)
    var form = PoolingQueries.Form()
    form.content = description.content
    form.layerNormEpsilon = tokenNorm.epsilon
    attention = LearnedQueryAttention(
      keys: TokenProjection(
        pair.weight, headCount: heads, headWidth: width / heads, affine: affine, products: products),
      values: TokenProjection(
        pair.weight, bias: pair.bias, firstRow: width, headCount: heads, headWidth: width / heads,
        affine: affine, products: products),
      form: form, layout: layout, batchSize: batchSize)
    (residual, normalized) = (SharedBuffer(count: batchSize * width), SharedBuffer(count: batchSize * width))
    (residualGradient, normalizedGradient) = (
      SharedBuffer(count: batchSize * width), SharedBuffer(count: batchSize * width)
    )
  }

  package func beginForward(count: Int, training: Bool, _ parallel: Parallel) throws {
    try queryLayer.forward(learned.values, count: 1, into: attention.query, parallel)
    try attention.beginForward(parallel)
  }

  package func finishForward(count: Int, into features: SharedBuffer<Float>, _ parallel: Parallel) throws {
    try attention.finishForward(count: count, parallel)
    try projection.forward(attention.output, count: count, into: residual, parallel)
    try Rows.add(row: learned.values, to: residual, count: count, parallel)
    try norm.forward(residual, count: count, into: normalized, parallel)
    try perceptron.forward(normalized, count: count, into: features, parallel)
    try Rows.add(residual, to: features, count: count * outputWidth, parallel)
  }

  package func beginBackward(count: Int, gradient: SharedBuffer<Float>, _ parallel: Parallel) throws {
    try perceptron.backward(
      normalized, outputGradient: gradient, count: count, into: normalizedGradient, parallel)
    residualGradient.pointer.update(from: gradient.pointer, count: count * outputWidth)
    try norm.backward(
      residual, outputGradient: normalizedGradient, count: count, into: residualGradient, adding: true,
      parallel)
    try Rows.addSum(of: residualGradient, count: count, to: learned.gradient, parallel)
    try projection.backward(
      attention.output, outputGradient: residualGradient, count: count, into: attention.outputGradient,
      parallel)
    try attention.beginBackward(count: count, parallel)
  }

  package func finishBackward(count: Int, groupCount: Int, _ parallel: Parallel) throws {
    try attention.finishBackward(parallel)
    try queryLayer.backward(
      learned.values, outputGradient: attention.queryGradient, count: 1, into: learned.gradient, adding: true,
      parallel)
  }
}
