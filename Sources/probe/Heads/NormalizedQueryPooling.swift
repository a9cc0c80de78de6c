import Compute

/// A layer norm of one learned query c, a layer of it, its attention to an image's tokens and a layer of the result:
/// features = P ATTEND(A LayerNorm(c), ...) with ATTEND ``LearnedQueryAttention``.
package final class NormalizedQueryPooling: QueryPooling {
  package let outputWidth: Int
  package let parameters: [Parameter]
  package let constants: [Parameter]
  package var queries: PoolingQueries { attention.queries }

  private let attention: LearnedQueryAttention
  /// [Q, D], of which the first is looked with.
  private let learned: Parameter
  private let norm: LayerNormLayer
  private let queryLayer: DenseLayer
  private let projection: DenseLayer
  /// [D] each: LayerNorm(c) and the gradient with respect to it.
  private let normalized: SharedBuffer<Float>
  private let normalizedGradient: SharedBuffer<Float>

  /// - Parameters:
  ///   - parameters: in the order of the file.
  ///   - constants: what is in the file and not trained.
  init(
    learned: Parameter, norm: LayerNormLayer, queryLayer: DenseLayer, attention: LearnedQueryAttention,
    projection: DenseLayer, width: Int, parameters: [Parameter], constants: [Parameter]
  ) {
    outputWidth = width
    self.parameters = parameters
    self.constants = constants
    self.attention = attention
    self.learned = learned
    self.norm = norm
    self.queryLayer = queryLayer
    self.projection = projection
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
    for constant in constants { constant.gradient.fill(0) }
  }
}
