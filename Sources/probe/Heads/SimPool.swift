import Compute
import Tensors

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
  private let scale: Float
  private let norm: (weight: Parameter, bias: Parameter)
  /// [D, D] each.
  private let queryWeight: Parameter
  private let keyWeight: Parameter
  /// [B, D] each: the tokens' mean, Wq times it, and Wk^T times that; each then takes its gradient.
  private let means: SharedBuffer<Float>
  private let projected: SharedBuffer<Float>
  private let folded: SharedBuffer<Float>
  private let projectedGradient: SharedBuffer<Float>
  /// [T], 1 / T' for each of the T' pooled tokens.
  private let meanWeights: SharedBuffer<Float>

  package init(
    _ description: AttentiveDescription, layout: TokenLayout, batchSize: Int,
    _ generator: inout SeededGenerator
  ) {
    (width, outputWidth) = (layout.width, layout.width)
    scale = 1 / Float(width).squareRoot()
    norm = (
      Parameter("norm_patches.weight", shape: [width]), Parameter("norm_patches.bias", shape: [width])
    )
    norm.weight.values.fill(1)
    queryWeight = Parameter("wq.weight", shape: [width, width])
    keyWeight = Parameter("wk.weight", shape: [width, width])
    queryWeight.initialize(fanIn: width, &generator)
    keyWeight.initialize(fanIn: width, &generator)
    parameters = [norm.weight, norm.bias, queryWeight, keyWeight]
    var form = PoolingQueries.Form(count: 1)
    form.content = description.content
    form.perImage = true
    form.layerNormEpsilon = 1e-6
    queries = PoolingQueries(form, layout: layout, batchSize: batchSize)
    (means, projected) = (SharedBuffer(count: batchSize * width), SharedBuffer(count: batchSize * width))
    (folded, projectedGradient) = (
      SharedBuffer(count: batchSize * width), SharedBuffer(count: batchSize * width)
    )
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
    try DenseProducts.forward(means, count: count, weight: queryWeight, into: projected, parallel)
    try DenseProducts.backward(projected, count: count, weight: keyWeight, into: folded, parallel)
    forEachElement(count) { element, channel in
      queries.values.pointer[element] = scale * norm.weight.values.pointer[channel] * folded.pointer[element]
    }
  }

  package func finishForward(count: Int, into features: SharedBuffer<Float>, _ parallel: Parallel) {
    forEachElement(count) { element, channel in
      features.pointer[element] =
        norm.weight.values.pointer[channel] * queries.sums.pointer[element]
        + norm.bias.values.pointer[channel]
    }
  }

  // MARK: - Backward

  package func beginBackward(count: Int, gradient: SharedBuffer<Float>, _ parallel: Parallel) {
    forEachElement(count) { element, channel in
      let (slope, sum) = (gradient.pointer[element], queries.sums.pointer[element])
      norm.weight.gradient.pointer[channel] += slope * sum
      norm.bias.gradient.pointer[channel] += slope
      queries.sums.pointer[element] = slope * norm.weight.values.pointer[channel]
    }
  }

  package func finishBackward(count: Int, groupCount: Int, _ parallel: Parallel) throws {
    forEachElement(count) { element, channel in
      let slope = scale * queries.gradients.pointer[element]
      norm.weight.gradient.pointer[channel] += slope * folded.pointer[element]
      folded.pointer[element] = slope * norm.weight.values.pointer[channel]
    }
    try DenseProducts.addGradient(projected, folded, count: count, to: keyWeight, parallel)
    try DenseProducts.forward(folded, count: count, weight: keyWeight, into: projectedGradient, parallel)
    try DenseProducts.addGradient(projectedGradient, means, count: count, to: queryWeight, parallel)
  }

  private func forEachElement(_ count: Int, _ body: (_ element: Int, _ channel: Int) -> Void) {
    for image in 0..<count {
      for channel in 0..<width { body(image * width + channel, channel) }
    }
  }
}
