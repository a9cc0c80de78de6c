import Compute

/// Multi-head attention pooling, MAP, as SigLIP has it (Zhai et al. 2022, arXiv 2106.04560, and 2023, 2303.15343; timm's
/// `AttentionPoolLatent`): a learned query c, which is not added to what it finds, and tokens as they are.
///
/// z = P ATTEND(A c + a, K x_t + k, V x_t + v) + p; features = z + MLP(z), where ATTEND is ``LearnedQueryAttention``.
package final class SigLIPPooling: QueryPooling {
  package let outputWidth: Int
  package let parameters: [Parameter]
  package var queries: PoolingQueries { attention.queries }

  private let attention: LearnedQueryAttention
  /// [1, 1, D]
  private let learned: Parameter
  private let queryLayer: DenseLayer
  private let projection: DenseLayer
  private let perceptron: Perceptron
  /// [B, D] each: z and the gradient with respect to it.
  private let pooled: SharedBuffer<Float>
  private let pooledGradient: SharedBuffer<Float>

  package init(
    _ description: AttentiveDescription, layout: TokenLayout, batchSize: Int,
    products: MatrixProducts, _ generator: inout SeededGenerator
  ) {
    let (width, heads) = (layout.width, description.headCount)
    outputWidth = width
    learned = Parameter("latent", shape: [1, 1, width])
    // timm cuts at two standard deviations.
    let deviation = 1 / Double(width).squareRoot()
    learned.initialize(truncatedNormal: deviation, bound: 2 * deviation, &generator)
    queryLayer = DenseLayer("q", inputWidth: width, outputWidth: width, products: products, &generator)
    let pair = DenseLayer("kv", inputWidth: width, outputWidth: 2 * width, products: products, &generator)
    projection = DenseLayer("proj", inputWidth: width, outputWidth: width, products: products, &generator)
    perceptron = Perceptron("mlp", width: width, rowCount: batchSize, products: products, &generator)
    parameters =
      [learned] + queryLayer.parameters + pair.parameters + projection.parameters + perceptron.parameters
    var form = PoolingQueries.Form()
    form.content = description.content
    attention = LearnedQueryAttention(
      keys: TokenProjection(pair.weight, headCount: heads, headWidth: width / heads, products: products),
      values: TokenProjection(
        pair.weight, bias: pair.bias, firstRow: width, headCount: heads, headWidth: width / heads,
        products: products),
      form: form, layout: layout, batchSize: batchSize)
    (pooled, pooledGradient) = (
      SharedBuffer(count: batchSize * width), SharedBuffer(count: batchSize * width)
    )
  }

  package func beginForward(count: Int, training: Bool, _ parallel: Parallel) throws {
    try queryLayer.forward(learned.values, count: 1, into: attention.query, parallel)
    try attention.beginForward(parallel)
  }

  package func finishForward(count: Int, into features: SharedBuffer<Float>, _ parallel: Parallel) throws {
    try attention.finishForward(count: count, parallel)
    try projection.forward(attention.output, count: count, into: pooled, parallel)
    try perceptron.forward(pooled, count: count, into: features, parallel)
    try Rows.add(pooled, to: features, count: count * outputWidth, parallel)
  }

  package func beginBackward(count: Int, gradient: SharedBuffer<Float>, _ parallel: Parallel) throws {
    pooledGradient.pointer.update(from: gradient.pointer, count: count * outputWidth)
    try perceptron.backward(
      pooled, outputGradient: gradient, count: count, into: pooledGradient, adding: true, parallel)
    try projection.backward(
      attention.output, outputGradient: pooledGradient, count: count, into: attention.outputGradient, parallel
    )
    try attention.beginBackward(count: count, parallel)
  }

  package func finishBackward(count: Int, groupCount: Int, _ parallel: Parallel) throws {
    try attention.finishBackward(parallel)
    try queryLayer.backward(
      learned.values, outputGradient: attention.queryGradient, count: 1, into: learned.gradient, adding: true,
      parallel)
  }
}
