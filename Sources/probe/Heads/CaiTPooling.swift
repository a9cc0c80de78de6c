import Compute

/// Class attention (Touvron et al. 2021, arXiv 2103.17239; efficient-probing's `CAPooling`, one block with layer scale): a
/// learned token attends to itself and to the image's tokens.
///
/// With u_0 = c, u_t = x_t and n_t = LayerNorm(u_t): z = c + g1 * (P ATTEND(A n_0 + a, K n_t + k, V n_t + v) + p) over
/// t = 0 ... T; features = LayerNorm(z + g2 * MLP(LayerNorm(z))), where ATTEND is ``LearnedQueryAttention``.
package final class CaiTPooling: QueryPooling {
  private static let block = "blocks_token_only.0."
  /// `init_scale`: what layer scale starts with.
  private static let scale: Float = 1e-5
  /// Of the norms within the block; the last one has PyTorch's default.
  private static let epsilon: Float = 1e-6

  package let outputWidth: Int
  package let parameters: [Parameter]
  package var queries: PoolingQueries { attention.queries }

  private let attention: LearnedQueryAttention
  /// [1, 1, D]
  private let learned: Parameter
  private let tokenNorm: LayerNormLayer
  /// The same without an affine part, which is folded into the projections: what the engine sees of c.
  private let plainNorm: LayerNormLayer
  private let queryLayer: DenseLayer
  private let projection: DenseLayer
  private let firstScale: ChannelScale
  private let norm: LayerNormLayer
  private let perceptron: Perceptron
  private let secondScale: ChannelScale
  private let lastNorm: LayerNormLayer
  /// [D] each: n_0 and the gradient with respect to it.
  private let normalizedClass: SharedBuffer<Float>
  private let normalizedClassGradient: SharedBuffer<Float>
  /// [B, D] each: what is added to c, z, LayerNorm(z), what is added to z, and the sum.
  private let firstBranch: SharedBuffer<Float>
  private let residual: SharedBuffer<Float>
  private let normalized: SharedBuffer<Float>
  private let secondBranch: SharedBuffer<Float>
  private let output: SharedBuffer<Float>
  /// [B, D] each: with respect to the residual, to a branch, and to a branch's input.
  private let residualGradient: SharedBuffer<Float>
  private let branchGradient: SharedBuffer<Float>
  private let normalizedGradient: SharedBuffer<Float>

  package init(
    _ description: AttentiveDescription, layout: TokenLayout, batchSize: Int,
    products: MatrixProducts, _ generator: inout SeededGenerator
  ) {
    let (width, heads) = (layout.width, description.headCount)
    outputWidth = width
    func layer(_ name: String) -> DenseLayer {
      DenseLayer(
        Self.block + "attn." + name, inputWidth: width, outputWidth: width, products: products, &generator)
    }
    func scale(_ name: String) -> ChannelScale {
      let weight = Parameter(Self.block + name, shape: [width])
      weight.values.fill(Self.scale)
      return ChannelScale(weight)
    }
    func rows() -> SharedBuffer<Float> { SharedBuffer(count: batchSize * width) }
    (firstScale, secondScale) = (scale("gamma_1"), scale("gamma_2"))
    tokenNorm = LayerNormLayer(Self.block + "norm1", width: width, epsilon: Self.epsilon)
    plainNorm = LayerNormLayer("plain", width: width, epsilon: Self.epsilon)
    queryLayer = layer("q")
    let (key, value) = (layer("k"), layer("v"))
    projection = layer("proj")
    norm = LayerNormLayer(Self.block + "norm2", width: width, epsilon: Self.epsilon)
    perceptron = Perceptron(
      Self.block + "mlp", width: width, rowCount: batchSize, products: products, &generator)
    lastNorm = LayerNormLayer("norm", width: width)
    learned = Parameter("cls_token", shape: [1, 1, width])
    learned.initialize(truncatedNormal: 0.02, &generator)
    let block =
      [firstScale.weight, secondScale.weight] + tokenNorm.parameters + queryLayer.parameters + key.parameters
      + value.parameters + projection.parameters + norm.parameters + perceptron.parameters
    parameters = [learned] + block + lastNorm.parameters
    let affine = TokenAffine(tokenNorm)
    var form = PoolingQueries.Form()
    form.content = description.content
    form.layerNormEpsilon = Self.epsilon
    form.extraToken = .shared
    attention = LearnedQueryAttention(
      keys: TokenProjection(
        key.weight, headCount: heads, headWidth: width / heads, affine: affine, products: products),
      values: TokenProjection(
        value.weight, bias: value.bias, headCount: heads, headWidth: width / heads, affine: affine,
        products: products),
      form: form, layout: layout, batchSize: batchSize)
    normalizedClass = SharedBuffer(count: width)
    normalizedClassGradient = SharedBuffer(count: width)
    (firstBranch, residual, normalized, secondBranch, output) = (rows(), rows(), rows(), rows(), rows())
    (residualGradient, branchGradient, normalizedGradient) = (rows(), rows(), rows())
  }

  // MARK: - Forward

  package func beginForward(count: Int, training: Bool, _ parallel: Parallel) throws {
    try tokenNorm.forward(learned.values, count: 1, into: normalizedClass, parallel)
    try plainNorm.forward(learned.values, count: 1, into: queries.extraTokens, parallel)
    try queryLayer.forward(normalizedClass, count: 1, into: attention.query, parallel)
    try attention.beginForward(parallel)
  }

  package func finishForward(count: Int, into features: SharedBuffer<Float>, _ parallel: Parallel) throws {
    try attention.finishForward(count: count, parallel)
    try projection.forward(attention.output, count: count, into: firstBranch, parallel)
    try firstScale.forward(firstBranch, count: count, into: residual, parallel)
    try Rows.add(row: learned.values, to: residual, count: count, parallel)
    try norm.forward(residual, count: count, into: normalized, parallel)
    try perceptron.forward(normalized, count: count, into: secondBranch, parallel)
    try secondScale.forward(secondBranch, count: count, into: output, parallel)
    try Rows.add(residual, to: output, count: count * outputWidth, parallel)
    try lastNorm.forward(output, count: count, into: features, parallel)
  }

  // MARK: - Backward

  package func beginBackward(count: Int, gradient: SharedBuffer<Float>, _ parallel: Parallel) throws {
    try lastNorm.backward(
      output, outputGradient: gradient, count: count, into: residualGradient, parallel)
    try secondScale.backward(
      secondBranch, outputGradient: residualGradient, count: count, into: branchGradient, parallel)
    try perceptron.backward(
      normalized, outputGradient: branchGradient, count: count, into: normalizedGradient, parallel)
    try norm.backward(
      residual, outputGradient: normalizedGradient, count: count, into: residualGradient, adding: true,
      parallel)
    try Rows.addSum(of: residualGradient, count: count, to: learned.gradient, parallel)
    try firstScale.backward(
      firstBranch, outputGradient: residualGradient, count: count, into: branchGradient, parallel)
    try projection.backward(
      attention.output, outputGradient: branchGradient, count: count, into: attention.outputGradient, parallel
    )
    try attention.beginBackward(count: count, parallel)
  }

  /// c is a query and one of the tokens.
  package func finishBackward(count: Int, groupCount: Int, _ parallel: Parallel) throws {
    try attention.finishBackward(parallel)
    try queryLayer.backward(
      normalizedClass, outputGradient: attention.queryGradient, count: 1, into: normalizedClassGradient,
      parallel)
    try tokenNorm.backward(
      learned.values, outputGradient: normalizedClassGradient, count: 1, into: learned.gradient, adding: true,
      parallel)
    try plainNorm.backward(
      learned.values, outputGradient: queries.extraGradient, count: 1, into: learned.gradient, adding: true,
      parallel)
    for parameter in plainNorm.parameters { parameter.gradient.fill(0) }
  }
}
