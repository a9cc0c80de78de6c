import Compute
import Tensors

/// Attention-based multiple-instance-learning pooling (Ilse et al. 2018, equation 7 without the gate; the seed's
/// `ABMILPHead`).
///
/// Paper to names: a token is x_t, its score s_t = w . h_t + b with h_t the output of depth - 1 hidden layers on x_t
/// (plus its position embedding), the attention a = softmax(s), the features sum over t of a_t x_t.
///
/// With ``AbMILPDescription/Condition/positionEmbedding`` the embedding starts as a sine-cosine one and is trained, as in
/// the seed, whose probe trains every parameter of the head.
///
/// An image's tokens are read in their stored type, once forward and once backward; hidden layers are computed again
/// backward instead of being kept, so that memory does not grow with the batch.
package final class AbMILPPooling: Pooling {
  package let outputWidth: Int
  package let parameters: [Parameter]
  package let constants: [String: Tensor]

  let description: AbMILPDescription
  let width: Int
  /// The first pooled token and the number of pooled tokens.
  let firstToken: Int
  let tokenCount: Int
  let hidden: [LinearParameters]
  let score: LinearParameters
  /// [1, tokenCount, D], added to the tokens before they are scored; nil where scores do not depend on the position.
  let positionEmbedding: Parameter?
  /// [batchSize, tokenCount], kept from forward for backward.
  private let attention: SharedBuffer<Float>
  /// [tokenCount], what a position adds to a score: the bias, and the embedding's product with w at depth 1.
  private let scoreOffsets: SharedBuffer<Float>

  package init(
    _ description: AbMILPDescription, layout: TokenLayout, batchSize: Int, _ generator: inout SeededGenerator
  ) {
    self.description = description
    width = layout.width
    outputWidth = layout.width
    firstToken = description.content == .patch ? layout.prefixTokenCount : 0
    tokenCount = layout.tokenCount - firstToken
    var layers: [LinearParameters] = []
    for layer in 0..<description.depth {
      // Layers and activations alternate in the seed's nn.Sequential, so that layers have the even numbers.
      let last = layer == description.depth - 1
      layers.append(
        LinearParameters(
          "attention_predictor.\(2 * layer)", inputWidth: layout.width, outputWidth: last ? 1 : layout.width,
          &generator))
    }
    hidden = Array(layers.dropLast())
    score = layers[layers.count - 1]

    let values = PositionEmbedding.sineCosine(
      prefixTokenCount: layout.prefixTokenCount - firstToken, gridHeight: layout.gridHeight,
      gridWidth: layout.gridWidth, width: layout.width)
    let shape = [1, tokenCount, layout.width]
    if description.condition == .positionEmbedding {
      let embedding = Parameter("pos_embed", shape: shape)
      _ = embedding.values.buffer.update(fromContentsOf: values)
      positionEmbedding = embedding
      constants = [:]
    } else {
      positionEmbedding = nil
      // The seed keeps the embedding in the head whether scores use it or not.
      constants = ["pos_embed": Tensor(values, shape: shape)]
    }
    parameters = layers.flatMap { [$0.weight, $0.bias] } + (positionEmbedding.map { [$0] } ?? [])
    attention = SharedBuffer(count: batchSize * tokenCount)
    scoreOffsets = SharedBuffer(count: tokenCount)
  }

  // MARK: - Forward

  package func forward(_ batch: Batch, into features: SharedBuffer<Float>, _ parallel: Parallel) throws {
    precondition(
      batch.count * tokenCount <= attention.count,
      "a batch of \(batch.count) is larger than the pooling was made for")
    updateScoreOffsets()
    let scratch = PerWorker(parallel) { AbMILPScratch(self) }
    try parallel.forEach(batch.count) { index, worker in
      let tokens = pooledTokens(batch, index)
      let weights = attention.pointer + index * tokenCount
      try scores(tokens, into: weights, scratch.value(worker))
      softmax(weights, count: tokenCount)
      let out = features.pointer + index * width
      out.update(repeating: 0, count: width)
      tokens.addWeightedSum(weights: weights, to: out)
    }
  }

  /// - Returns: [B, tokenCount], the attention of the last forward pass.
  package func lastAttention(batchCount: Int) -> [Float] {
    Array(attention.buffer.prefix(batchCount * tokenCount))
  }

  private func pooledTokens(_ batch: Batch, _ index: Int) -> StoredTokens {
    batch.source.tokens(row: batch.rows[index])[firstToken..<firstToken + tokenCount]
  }

  private func updateScoreOffsets() {
    scoreOffsets.fill(score.bias.values.pointer[0])
    guard hidden.isEmpty, let positionEmbedding else { return }
    let bias = score.bias.values.pointer[0]
    ElementType.float32.dots(
      positionEmbedding.values.pointer, tokenCount: tokenCount, width: width,
      query: score.weight.values.pointer, into: scoreOffsets.pointer)
    for token in 0..<tokenCount { scoreOffsets.pointer[token] += bias }
  }

  private func scores(
    _ tokens: StoredTokens, into out: UnsafeMutablePointer<Float>, _ scratch: AbMILPScratch
  ) {
    let query = score.weight.values.pointer
    if hidden.isEmpty {
      tokens.dots(query: query, into: out)
    } else {
      let top = runHidden(tokens, scratch)
      ElementType.float32.dots(top, tokenCount: tokenCount, width: width, query: query, into: out)
    }
    for token in 0..<tokenCount { out[token] += scoreOffsets.pointer[token] }
  }

  /// - Returns: h, [tokenCount, D]; the inputs of all layers stay in the scratch memory.
  private func runHidden(
    _ tokens: StoredTokens, _ scratch: AbMILPScratch
  ) -> UnsafeMutablePointer<Float> {
    let count = tokenCount * width
    var input = scratch.inputs[0].pointer
    tokens.decode(into: input)
    if let positionEmbedding {
      let embedding = positionEmbedding.values.pointer
      for index in 0..<count { input[index] += embedding[index] }
    }
    for (layer, parameters) in hidden.enumerated() {
      let output = scratch.inputs[layer + 1].pointer
      for token in 0..<tokenCount {
        (output + token * width).update(from: parameters.bias.values.pointer, count: width)
      }
      BLAS.multiply(
        transposeB: true, m: tokenCount, n: width, k: width, a: input, leadingA: width,
        b: parameters.weight.values.pointer, leadingB: width, beta: 1, c: output, leadingC: width)
      description.activation.apply(output, count: count)
      input = output
    }
    return input
  }

  // MARK: - Backward

  /// Partial gradients are summed over this many groups of images, in order, whatever the number of threads.
  private static let groupCount = 16

  package func backward(_ batch: Batch, gradient: SharedBuffer<Float>, _ parallel: Parallel) throws {
    let groups = min(Self.groupCount, batch.count)
    let layout = AbMILPGradient.Layout(self)
    let partials = SharedBuffer<Float>(count: groups * layout.count)
    let scratch = PerWorker(parallel) { AbMILPScratch(self) }
    try parallel.forEach(groups) { group, worker in
      let range = group * batch.count / groups..<(group + 1) * batch.count / groups
      let partial = AbMILPGradient(layout, partials.pointer + group * layout.count)
      let scratch = try scratch.value(worker)
      for index in range {
        addGradient(
          tokens: pooledTokens(batch, index), attention: attention.pointer + index * tokenCount,
          gradient: gradient.pointer + index * width,
          to: partial, scratch)
      }
    }
    // The first group's part becomes the sum.
    try parallel.forEachChunk(of: layout.count, length: 4096) { _, range, _ in
      let sum = partials.pointer
      for group in 1..<max(1, groups) {
        let partial = partials.pointer + group * layout.count
        for index in range { sum[index] += partial[index] }
      }
    }
    addToParameters(AbMILPGradient(layout, partials.pointer))
  }

  private func addToParameters(_ sum: AbMILPGradient) {
    for (layer, parameters) in (hidden + [score]).enumerated() {
      add(sum.weights[layer], to: parameters.weight)
      add(sum.biases[layer], to: parameters.bias)
    }
    guard let positionEmbedding else { return }
    // The embedding is added to every image's tokens: its gradient is the sum of theirs, as the first layer gives it.
    let first = hidden.first ?? score
    BLAS.multiply(
      m: tokenCount, n: width, k: first.outputWidth, a: sum.firstOutput, leadingA: first.outputWidth,
      b: first.weight.values.pointer, leadingB: width, beta: 1, c: positionEmbedding.gradient.pointer,
      leadingC: width)
  }

  private func add(_ values: UnsafePointer<Float>, to parameter: Parameter) {
    let gradient = parameter.gradient.pointer
    for index in 0..<parameter.count { gradient[index] += values[index] }
  }

  /// The gradient of one image: of its attention, of its scores, then down through the layers.
  private func addGradient(
    tokens: StoredTokens, attention: UnsafePointer<Float>, gradient: UnsafePointer<Float>,
    to partial: AbMILPGradient, _ scratch: AbMILPScratch
  ) {
    let scoreGradient = scratch.scoreGradient.pointer
    tokens.dots(query: gradient, into: scoreGradient)
    var mean: Float = 0
    for token in 0..<tokenCount { mean += attention[token] * scoreGradient[token] }
    // These sum to zero: softmax does not see the score's bias, whose gradient stays exactly zero.
    for token in 0..<tokenCount { scoreGradient[token] = attention[token] * (scoreGradient[token] - mean) }
    guard !hidden.isEmpty else {
      addScoreGradients(tokens, scoreGradient, to: partial)
      return
    }
    let top = runHidden(tokens, scratch)
    ElementType.float32.addWeightedSum(
      top, tokenCount: tokenCount, width: width, weights: scoreGradient, to: partial.weights[hidden.count])
    let query = score.weight.values.pointer
    let outputGradient = scratch.outputGradient.pointer
    for token in 0..<tokenCount {
      let row = outputGradient + token * width
      for index in 0..<width { row[index] = scoreGradient[token] * query[index] }
    }
    addHiddenGradients(to: partial, scratch)
  }

  /// Depth 1: the score is the only layer, its input the token and its position.
  private func addScoreGradients(
    _ tokens: StoredTokens, _ scoreGradient: UnsafePointer<Float>, to partial: AbMILPGradient
  ) {
    let weight = partial.weights[0]
    tokens.addWeightedSum(weights: scoreGradient, to: weight)
    guard let positionEmbedding else { return }
    ElementType.float32.addWeightedSum(
      positionEmbedding.values.pointer, tokenCount: tokenCount, width: width, weights: scoreGradient,
      to: weight)
    for token in 0..<tokenCount { partial.firstOutput[token] += scoreGradient[token] }
  }

  private func addHiddenGradients(to partial: AbMILPGradient, _ scratch: AbMILPScratch) {
    var gradient = scratch.outputGradient.pointer
    for layer in hidden.indices.reversed() {
      let output = scratch.inputs[layer + 1].pointer
      description.activation.multiplyByDerivative(gradient, output: output, count: tokenCount * width)
      BLAS.multiply(
        transposeA: true, m: width, n: width, k: tokenCount, a: gradient, leadingA: width,
        b: scratch.inputs[layer].pointer, leadingB: width, beta: 1, c: partial.weights[layer],
        leadingC: width)
      ElementType.float32.addWeightedSum(
        gradient, tokenCount: tokenCount, width: width, weights: scratch.ones.pointer,
        to: partial.biases[layer])
      guard layer > 0 else { break }
      // The layer's output is not needed any more: its memory takes the gradient with respect to the layer's input.
      BLAS.multiply(
        m: tokenCount, n: width, k: width, a: gradient, leadingA: width,
        b: hidden[layer].weight.values.pointer, leadingB: width, c: output, leadingC: width)
      gradient = output
    }
    guard positionEmbedding != nil else { return }
    for index in 0..<tokenCount * width { partial.firstOutput[index] += gradient[index] }
  }
}

/// Where one group of images adds its gradients.
private struct AbMILPGradient {
  /// One pointer a layer, the score last.
  let weights: [UnsafeMutablePointer<Float>]
  let biases: [UnsafeMutablePointer<Float>]
  /// [tokenCount, output width of the first layer]: the gradient with respect to the first layer's output before its
  /// activation; empty where the position embedding is not trained.
  let firstOutput: UnsafeMutablePointer<Float>

  /// Where each gradient begins in one block of memory.
  struct Layout: Sendable {
    let weightStarts: [Int]
    let biasStarts: [Int]
    let firstOutputStart: Int
    let count: Int

    init(_ pooling: AbMILPPooling) {
      var end = 0
      func take(_ length: Int) -> Int {
        defer { end += length }
        return end
      }
      let layers = pooling.hidden + [pooling.score]
      weightStarts = layers.map { take($0.weight.count) }
      biasStarts = layers.map { take($0.bias.count) }
      firstOutputStart = take(
        pooling.positionEmbedding == nil ? 0 : pooling.tokenCount * layers[0].outputWidth)
      count = end
    }
  }

  init(_ layout: Layout, _ memory: UnsafeMutablePointer<Float>) {
    weights = layout.weightStarts.map { memory + $0 }
    biases = layout.biasStarts.map { memory + $0 }
    firstOutput = memory + layout.firstOutputStart
  }
}

/// One worker's memory for one image.
final class AbMILPScratch: Sendable {
  /// The input of every layer and the output of the last hidden one, [tokenCount, D] each; empty at depth 1.
  let inputs: [SharedBuffer<Float>]
  /// [tokenCount, D]; empty at depth 1.
  let outputGradient: SharedBuffer<Float>
  /// [tokenCount]
  let scoreGradient: SharedBuffer<Float>
  /// [tokenCount], all 1.
  let ones: SharedBuffer<Float>

  init(_ pooling: AbMILPPooling) {
    let count = pooling.tokenCount * pooling.width
    let hasHidden = !pooling.hidden.isEmpty
    inputs = hasHidden ? (0...pooling.hidden.count).map { _ in SharedBuffer(count: count) } : []
    outputGradient = SharedBuffer(count: hasHidden ? count : 0)
    scoreGradient = SharedBuffer(count: pooling.tokenCount)
    ones = SharedBuffer(count: pooling.tokenCount)
    ones.fill(1)
  }
}
