import Compute

/// SimPool (Psomas et al. 2023, arXiv 2309.06891; efficient-probing's `SimPool`, one head, no gamma): the mean of the tokens
/// looks at the normalised tokens.
///
/// With n_t = LayerNorm(x_t), epsilon 1e-6: a = softmax over t of (D^-1/2 (Wq mean(x)) . (Wk n_t)); features = sum over t of
/// a_t n_t. LayerNorm and Wk are folded into the image's query, so that no token is projected.
package final class SimPool: QueryPooling {
  package let outputWidth: Int
  package let parameters: [Parameter]
  package let queries: PoolingQueries

  private let width: Int
  private let norm: LayerNormLayer
  private let normScale: ChannelScale
  private let queryLayer: DenseLayer
  private let keys: TokenProjection
  /// [B, D] each: the tokens' mean, and Wq times it.
  private let means: SharedBuffer<Float>
  private let projected: SharedBuffer<Float>
  private let projectedGradient: SharedBuffer<Float>
  /// [T], 1 / T' for each of the T' pooled tokens.
  private let meanWeights: SharedBuffer<Float>

  package init(
    _ description: AttentiveDescription, layout: TokenLayout, batchSize: Int,
    products: MatrixProducts, _ generator: inout SeededGenerator
  ) {
    (width, outputWidth) = (layout.width, layout.width)
    norm = LayerNormLayer("norm_patches", width: width, epsilon: 1e-6)
    normScale = ChannelScale(norm.weight)
    queryLayer = DenseLayer(
      "wq", inputWidth: width, outputWidth: width, hasBias: false, products: products, &generator)
    let keyWeight = Parameter("wk.weight", shape: [width, width])
    keyWeight.initialize(fanIn: width, &generator)
    parameters = norm.parameters + queryLayer.parameters + [keyWeight]
    keys = TokenProjection(
      keyWeight, headCount: 1, headWidth: width, affine: TokenAffine(norm), products: products)
    var form = PoolingQueries.Form(count: 1)
    form.content = description.content
    form.perImage = true
    form.layerNormEpsilon = norm.epsilon
    queries = PoolingQueries(form, layout: layout, batchSize: batchSize)
    (means, projected) = (SharedBuffer(count: batchSize * width), SharedBuffer(count: batchSize * width))
    projectedGradient = SharedBuffer(count: batchSize * width)
    meanWeights = SharedBuffer(count: layout.tokenCount)
    let first = layout.firstToken(description.content)
    for token in first..<layout.tokenCount {
      meanWeights.pointer[token] = 1 / Float(layout.tokenCount - first)
    }
  }

  // MARK: - Forward

  package func surveys(training: Bool) -> Bool { true }

  package func survey(_ image: ImageTokens, index: Int, group: Int) {
    let mean = means.pointer + index * width
    mean.update(repeating: 0, count: width)
    image.stored.addWeightedSum(weights: meanWeights.pointer, to: mean)
  }

  package func beginForward(count: Int, training: Bool, _ parallel: Parallel) throws {
    try keys.fold(parallel)
    try queryLayer.forward(means, count: count, into: projected, parallel)
    try keys.foldKeys(projected, count: count, into: queries.values, parallel)
  }

  package func finishForward(count: Int, into features: SharedBuffer<Float>, _ parallel: Parallel) throws {
    try normScale.forward(queries.sums, count: count, into: features, parallel)
    try Rows.add(row: norm.bias.values, to: features, count: count, parallel)
  }

  // MARK: - Backward

  package func beginBackward(count: Int, gradient: SharedBuffer<Float>, _ parallel: Parallel) throws {
    keys.clear()
    try Rows.addSum(of: gradient, count: count, to: norm.bias.gradient, parallel)
    try normScale.backward(
      queries.sums, outputGradient: gradient, count: count, into: queries.sums, parallel)
  }

  package func finishBackward(count: Int, groupCount: Int, _ parallel: Parallel) throws {
    try keys.foldKeysBackward(
      projected, gradient: queries.gradients, count: count, into: projectedGradient, parallel)
    try keys.unfold(parallel)
    try queryLayer.backward(means, outputGradient: projectedGradient, count: count, into: nil, parallel)
  }
}
