import Compute

/// The attention pool of CLIP's ResNets (Radford et al. 2021, arXiv 2103.00020; timm's `AttentionPool2d`): the mean of the
/// normalised tokens attends to itself and to them, and each has a learned position.
///
/// With n_t = LayerNorm(x_t), n_0 their mean and m_t = n_t + e_t: features = P ATTEND(A m_0 + a, K m_t + k, V m_t + v) + p
/// over t = 0 ... T, where ATTEND is multi-head attention with H heads.
///
/// The engine sees tokens without positions. What positions add to scores is u . e_t, with u [B, H, D] what K makes of the
/// queries; what they add to sums is a_t e_t. Both are one matrix product for the whole batch.
package final class CLIPPooling: QueryPooling {
  package let outputWidth: Int
  package let parameters: [Parameter]
  package let queries: PoolingQueries

  private let width: Int
  private let headCount: Int
  private let products: MatrixProducts
  private let tokenCount: Int
  private let firstToken: Int
  /// [T' + 1, D], the mean's first.
  private let embedding: Parameter
  private let norm: LayerNormLayer
  private let normScale: ChannelScale
  private let queryProjection: TokenProjection
  private let keys: TokenProjection
  private let values: TokenProjection
  private let projection: DenseLayer
  /// [T + 1, D]: the positions in the engine's order, where the mean comes last; zeros for tokens that take no part.
  private let positions: SharedBuffer<Float>
  private let positionGradient: SharedBuffer<Float>
  /// [D]: what is added to the mean.
  private let meanOffset: SharedBuffer<Float>
  private let meanOffsetGradient: SharedBuffer<Float>
  /// [B, D] each: m_0, then the gradient with respect to it; the queries and their gradient.
  private let positionedMeans: SharedBuffer<Float>
  private let projected: SharedBuffer<Float>
  private let projectedGradient: SharedBuffer<Float>
  /// u, [B, H, D].
  private let folded: SharedBuffer<Float>
  /// The sums of m_t, then the gradients with respect to them, [B, H, D].
  private let positionedSums: SharedBuffer<Float>
  /// [B, D] each: what the heads find.
  private let found: SharedBuffer<Float>
  private let foundGradient: SharedBuffer<Float>

  package init(
    _ description: AttentiveDescription, layout: TokenLayout, batchSize: Int,
    products: MatrixProducts, _ generator: inout SeededGenerator
  ) {
    width = layout.width
    outputWidth = width
    headCount = description.headCount
    tokenCount = layout.tokenCount
    firstToken = layout.firstToken(description.content)
    let deviation = 1 / Double(width).squareRoot()
    let triple = DenseLayer(
      "qkv", inputWidth: width, outputWidth: 3 * width,
      initialization: .truncatedNormal(deviation: deviation), products: products, &generator)
    projection = DenseLayer("proj", inputWidth: width, outputWidth: width, products: products, &generator)
    embedding = Parameter("pos_embed", shape: [tokenCount - firstToken + 1, width])
    embedding.initialize(truncatedNormal: deviation, &generator)
    norm = LayerNormLayer("norm", width: width, epsilon: 1e-6)
    normScale = ChannelScale(norm.weight)
    parameters = [embedding] + triple.parameters + projection.parameters + norm.parameters
    self.products = products
    queryProjection = TokenProjection(
      triple.weight, bias: triple.bias, headCount: 1, headWidth: width, products: products)
    let headWidth = width / headCount
    keys = TokenProjection(
      triple.weight, firstRow: width, headCount: headCount, headWidth: headWidth, products: products)
    values = TokenProjection(
      triple.weight, bias: triple.bias, firstRow: 2 * width, headCount: headCount, headWidth: headWidth,
      products: products)
    var form = PoolingQueries.Form(count: headCount)
    form.content = description.content
    form.perImage = true
    form.offsets = .perImage
    form.extraToken = .perImage
    form.layerNormEpsilon = norm.epsilon
    queries = PoolingQueries(form, layout: layout, batchSize: batchSize)
    positions = SharedBuffer(count: (tokenCount + 1) * width)
    positionGradient = SharedBuffer(count: positions.count)
    (meanOffset, meanOffsetGradient) = (SharedBuffer(count: width), SharedBuffer(count: width))
    let rowCount = batchSize * layout.width
    func rows(_ count: Int = 1) -> SharedBuffer<Float> { SharedBuffer(count: rowCount * count) }
    (positionedMeans, projected, projectedGradient) = (rows(), rows(), rows())
    (folded, positionedSums) = (rows(headCount), rows(headCount))
    (found, foundGradient) = (rows(), rows())
  }

  // MARK: - Forward

  package func surveys(training: Bool) -> Bool { true }

  /// The mean of the normalised tokens.
  package func survey(_ image: ImageTokens, index: Int, group: Int) {
    let moments = image.moments(epsilon: norm.epsilon)
    let mean = queries.extraTokens.pointer + index * width
    mean.update(repeating: 0, count: width)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: tokenCount) { weights in
      var subtracted = 0.0
      for token in 0..<tokenCount {
        let takesPart = token >= firstToken
        weights[token] =
          takesPart ? moments.inverseDeviations.pointer[token] / Float(tokenCount - firstToken) : 0
        subtracted += Double(weights[token]) * Double(moments.means.pointer[token])
      }
      image.stored.addWeightedSum(weights: weights.baseAddress!, to: mean)
      let correction = Float(subtracted)
      for channel in 0..<width { mean[channel] -= correction }
    }
  }

  package func beginForward(count: Int, training: Bool, _ parallel: Parallel) throws {
    for projection in [queryProjection, keys, values] { try projection.fold(parallel) }
    let rest = embedding.values.pointer + width
    (positions.pointer + firstToken * width).update(from: rest, count: embedding.count - width)
    (positions.pointer + tokenCount * width).update(from: embedding.values.pointer, count: width)
    for channel in 0..<width {
      meanOffset.pointer[channel] = norm.bias.values.pointer[channel] + embedding.values.pointer[channel]
    }
    try normScale.forward(queries.extraTokens, count: count, into: positionedMeans, parallel)
    try Rows.add(row: meanOffset, to: positionedMeans, count: count, parallel)
    try queryProjection.projectValues(positionedMeans, count: count, into: projected, parallel)
    try keys.foldKeys(projected, count: count, into: folded, parallel)
    try normScale.forward(folded, count: count * headCount, into: queries.values, parallel)
    try multiplyByPositions(folded, count: count, parallel)
  }

  package func finishForward(count: Int, into features: SharedBuffer<Float>, _ parallel: Parallel) throws {
    try normScale.forward(queries.sums, count: count * headCount, into: positionedSums, parallel)
    try Rows.add(row: norm.bias.values, to: positionedSums, count: count * headCount, parallel)
    try addPositions(weights: queries.attention, to: positionedSums, count: count, parallel)
    try values.projectValues(positionedSums, count: count, into: found, parallel)
    try projection.forward(found, count: count, into: features, parallel)
  }

  // MARK: - Backward

  package func beginBackward(count: Int, gradient: SharedBuffer<Float>, _ parallel: Parallel) throws {
    for projection in [queryProjection, keys, values] { projection.clear() }
    positionGradient.fill(0)
    try projection.backward(found, outputGradient: gradient, count: count, into: foundGradient, parallel)
    try values.projectValuesBackward(positionedSums, gradient: foundGradient, count: count, parallel)
    try Rows.addSum(of: positionedSums, count: count * headCount, to: norm.bias.gradient, parallel)
    try addPositionGradient(weights: queries.attention, positionedSums, count: count, parallel)
    try multiplyByPositions(positionedSums, count: count, parallel)
    try normScale.backward(
      queries.sums, outputGradient: positionedSums, count: count * headCount, into: queries.sums, parallel)
  }

  package func finishBackward(count: Int, groupCount: Int, _ parallel: Parallel) throws {
    try normScale.backward(
      folded, outputGradient: queries.gradients, count: count * headCount, into: queries.gradients, parallel)
    try addPositions(weights: queries.offsetGradients, to: queries.gradients, count: count, parallel)
    try addPositionGradient(weights: queries.offsetGradients, folded, count: count, parallel)
    try keys.foldKeysBackward(
      projected, gradient: queries.gradients, count: count, into: projectedGradient, parallel)
    try queryProjection.projectValuesBackward(
      positionedMeans, gradient: projectedGradient, count: count, parallel)
    meanOffsetGradient.fill(0)
    try Rows.addSum(of: positionedMeans, count: count, to: meanOffsetGradient, parallel)
    try normScale.backward(
      queries.extraTokens, outputGradient: positionedMeans, count: count, into: positionedMeans, parallel)
    for projection in [queryProjection, keys, values] { try projection.unfold(parallel) }
    let (first, rest) = (embedding.gradient.pointer, embedding.gradient.pointer + width)
    let tokens = positionGradient.pointer + firstToken * width
    let mean = positionGradient.pointer + tokenCount * width
    for index in 0..<embedding.count - width { rest[index] += tokens[index] }
    for channel in 0..<width {
      first[channel] += mean[channel] + meanOffsetGradient.pointer[channel]
      norm.bias.gradient.pointer[channel] += meanOffsetGradient.pointer[channel]
    }
  }

  // MARK: - Positions

  /// The products of vectors [B, H, D] with the positions, to the queries' offsets.
  private func multiplyByPositions(
    _ vectors: SharedBuffer<Float>, count: Int, _ parallel: Parallel
  ) throws {
    try products.multiply(
      parallel, transposeB: true, m: count * headCount, n: tokenCount + 1, k: width, a: vectors,
      leadingA: width, b: positions, leadingB: width, c: queries.offsets, leadingC: queries.stride)
  }

  /// Adds sums of positions with weights [B, H, stride] to vectors [B, H, D].
  private func addPositions(
    weights: SharedBuffer<Float>, to vectors: SharedBuffer<Float>, count: Int, _ parallel: Parallel
  ) throws {
    try products.multiply(
      parallel, m: count * headCount, n: width, k: tokenCount + 1, a: weights, leadingA: queries.stride,
      b: positions, leadingB: width, beta: 1, c: vectors, leadingC: width)
  }

  /// Adds what positions are multiplied with in such sums, of vectors [B, H, D], to their gradient.
  private func addPositionGradient(
    weights: SharedBuffer<Float>, _ vectors: SharedBuffer<Float>, count: Int, _ parallel: Parallel
  ) throws {
    try products.multiply(
      parallel, transposeA: true, m: tokenCount + 1, n: width, k: count * headCount, a: weights,
      leadingA: queries.stride, b: vectors, leadingB: width, beta: 1, c: positionGradient, leadingC: width)
  }
}
