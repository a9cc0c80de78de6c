import CKernels
import Compute

/// AbMILP whose scores need matrix products for every token: more than one layer, or a self-attention in front (the seed's
/// `ABMILPHead`; names as in ``AbMILPPooling`` and ``AbMILPSelfAttention``).
///
/// With y_t = sum over s of P_ts x_s and P = softmax(D^-1/2 X M X^T), self-attention gives W y_t + b. Its projection is
/// folded into the first layer (or, at depth 1, into one vector u with s_t = sum over s of P_ts u . x_s), and where the
/// features are made of its output they are W (sum over s of c_s x_s) + b with c = P^T a.
///
/// Hidden layers' outputs are kept for the way back as far as memory is allowed, and computed again elsewhere; P is kept: T^2
/// numbers an image of the batch. Of the last hidden layer, where ReLU follows it, the way back needs no more than
/// which elements are above zero, a bit each, which are kept: with h = relu(H z + k) and scores w . h, the gradient of H is
/// w_o R_o for each of its rows, R = sum over t of g_t [h_t > 0] z_t^T with g the scores' gradient, and that of w_o is
/// H_o . R_o + k_o (sum over t of g_t [h_to > 0]). So depth 2 costs two products of all tokens with a [D, D] matrix.
package final class AbMILPTokenPooling: Pooling {
  package let outputWidth: Int
  package let parameters: [Parameter]
  package let constants: [Parameter]

  let description: AbMILPDescription
  let width: Int
  let firstToken: Int
  /// T', the pooled tokens.
  let tokenCount: Int
  let scorer: AbMILPScorer
  let selfAttention: AbMILPSelfAttention?
  /// [B, T']
  let attention: SharedBuffer<Float>
  /// P, [B, T', T']; empty without self-attention.
  let tokenAttention: SharedBuffer<Float>
  /// [B, T', words of signs]: which elements of the last hidden layer are above zero; empty unless ReLU follows it.
  let signs: SharedBuffer<UInt16>
  /// Each row of H times its element of w, [D, D]; empty likewise.
  let topScaled: SharedBuffer<Float>
  /// Hidden layers' outputs but for the one of which only signs are needed.
  let kept: KeptActivations
  let products: MatrixProducts
  /// Every hidden layer's weight as the tokens meet it, and as gradients do on their way back; of the first layer the latter
  /// is wanted behind self-attention alone.
  let layerFactors: [ProductFactor]
  let gradientFactors: [ProductFactor?]
  /// M, likewise; nil without self-attention.
  let formFactor: ProductFactor?
  /// What the first layer, or the score at depth 1, multiplies a token with: [layer width, D].
  let firstWeight: SharedBuffer<Float>
  /// [T', layer width]: what it adds to each token's product.
  let firstOffsets: SharedBuffer<Float>
  /// [B, D]: the weighted sums in front of W, and then the gradients with respect to them; empty where W is not in the
  /// features.
  let sums: SharedBuffer<Float>
  let parts: AbMILPParts

  package init(
    _ description: AbMILPDescription, layout: TokenLayout, batchSize: Int, products: MatrixProducts,
    _ generator: inout SeededGenerator
  ) {
    self.description = description
    (width, outputWidth) = (layout.width, layout.width)
    firstToken = layout.firstToken(description.content)
    tokenCount = layout.tokenCount - firstToken
    selfAttention =
      description.selfAttention == .none
      ? nil : AbMILPSelfAttention(width: layout.width, products: products, &generator)
    scorer = AbMILPScorer(description, layout: layout, products: products, &generator)
    parameters = (selfAttention?.parameters ?? []) + scorer.parameters
    constants = scorer.constants
    attention = SharedBuffer(count: batchSize * tokenCount)
    tokenAttention = SharedBuffer(count: selfAttention == nil ? 0 : batchSize * tokenCount * tokenCount)
    let isRectified = description.activation == .relu && !scorer.hidden.isEmpty
    let wordCount = isRectified ? batchSize * tokenCount * pb_sign_words(width) : 0
    signs = SharedBuffer(count: wordCount)
    kept = KeptActivations(count: (scorer.hidden.count - (isRectified ? 1 : 0)) * tokenCount * width)
    topScaled = SharedBuffer(count: isRectified ? width * width : 0)
    let first = scorer.hidden.first ?? scorer.score
    firstWeight = SharedBuffer(count: first.outputWidth * width)
    self.products = products
    func factor(_ matrix: SharedBuffer<Float>, isTransposed: Bool = false) -> ProductFactor {
      ProductFactor(
        matrix, isTransposed: isTransposed, inputWidth: layout.width, outputWidth: layout.width, products)
    }
    let weights = scorer.hidden.enumerated().map { [firstWeight] in $0 == 0 ? firstWeight : $1.weight.values }
    layerFactors = weights.map { factor($0, isTransposed: true) }
    gradientFactors = weights.enumerated().map { [topScaled, selfAttention] layer, weight in
      if layer == 0, selfAttention == nil { return nil }
      return factor(isRectified && layer == weights.count - 1 ? topScaled : weight)
    }
    formFactor = selfAttention.map { factor($0.form) }
    firstOffsets = SharedBuffer(count: tokenCount * first.outputWidth)
    sums = SharedBuffer(count: description.selfAttention == .both ? batchSize * width : 0)
    parts = AbMILPParts(
      scorer, hasSelfAttention: selfAttention != nil, tokenCount: tokenCount, width: width)
  }

  func scratch(_ image: ImageTokens) -> AbMILPScratch {
    image.scratch(of: self) { AbMILPScratch(self) }
  }

  var first: DenseLayer { scorer.hidden.first ?? scorer.score }

  /// Whether ReLU follows the last hidden layer.
  var isRectified: Bool { signs.count > 0 }

  /// A hidden layer's weight as the tokens meet it.
  func weight(_ layer: Int) -> SharedBuffer<Float> {
    layer == 0 ? firstWeight : scorer.hidden[layer].weight.values
  }

  package func keepActivations(byteCount: Int) { kept.allow(byteCount: byteCount) }

  /// Where a hidden layer's output of an image is, [T', D].
  func output(_ layer: Int, _ index: Int, _ scratch: AbMILPScratch) -> UnsafeMutablePointer<Float> {
    let isNeeded = !isRectified || layer < scorer.hidden.count - 1
    guard isNeeded, let kept = kept[index] else { return scratch.outputs[layer].pointer }
    return kept + layer * tokenCount * width
  }

  func signs(_ index: Int) -> UnsafeMutablePointer<UInt16> {
    signs.pointer + index * tokenCount * pb_sign_words(width)
  }

  // MARK: - Forward

  package func beginForward(count: Int, training: Bool, _ parallel: Parallel) throws {
    try selfAttention?.fold(parallel)
    let layer = first
    let weight = layer.weight.values
    if let selfAttention {
      try BLAS.multiply(
        parallel, m: layer.outputWidth, n: width, k: width, a: weight, leadingA: width,
        b: selfAttention.value, leadingB: width, c: firstWeight, leadingC: width)
    } else {
      firstWeight.pointer.update(from: weight.pointer, count: weight.count)
    }
    try makeFirstOffsets(layer, parallel)
    if isRectified { try scaleTop(parallel) }
    for factor in layerFactors + gradientFactors.compactMap({ $0 }) + (formFactor.map { [$0] } ?? []) {
      try factor.prepare(parallel)
    }
    kept.begin(batchSize: count, keeping: training)
  }

  private func scaleTop(_ parallel: Parallel) throws {
    try parallel.forEachChunk(of: width, length: 16) { _, outputs, _ in
      let (weight, scores) = (weight(scorer.hidden.count - 1), scorer.score.weight.values)
      for output in outputs {
        let (from, to) = (weight.pointer + output * width, topScaled.pointer + output * width)
        for input in 0..<width { to[input] = scores.pointer[output] * from[input] }
      }
    }
  }

  /// The first layer's bias, what self-attention's bias becomes in it, and the position embedding.
  private func makeFirstOffsets(_ layer: DenseLayer, _ parallel: Parallel) throws {
    let outputs = layer.outputWidth
    for token in 0..<tokenCount {
      (firstOffsets.pointer + token * outputs).update(from: layer.bias!.values.pointer, count: outputs)
    }
    if let selfAttention {
      let bias = SharedBuffer<Float>(count: outputs)
      StoredTokens(.float32, layer.weight.values.pointer, tokenCount: outputs, width: width)
        .dots(query: selfAttention.output.bias!.values.pointer, into: bias.pointer)
      try Rows.add(row: bias, to: firstOffsets, count: tokenCount, parallel)
    }
    if let embedding = scorer.positionEmbedding {
      try BLAS.multiply(
        parallel, transposeB: true, m: tokenCount, n: outputs, k: width, a: embedding.values, leadingA: width,
        b: layer.weight.values, leadingB: width, beta: 1, c: firstOffsets, leadingC: outputs)
    }
  }

  package func forward(
    _ image: ImageTokens, index: Int, into features: UnsafeMutablePointer<Float>
  ) throws {
    let scratch = scratch(image)
    let tokens = image.inSinglePrecision() + firstToken * width
    let weights = attention.pointer + index * tokenCount
    if selfAttention != nil { attend(tokens, tokenAttention(index), scratch) }
    score(tokens, index, into: weights, scratch)
    softmax(weights, count: tokenCount)
    guard description.selfAttention == .both else {
      pool(image, weights, into: features)
      return
    }
    let spread = scratch.tokens.pointer
    spread.update(repeating: 0, count: tokenCount)
    rows(tokenAttention(index)).addWeightedSum(weights: weights, to: spread)
    pool(image, spread, into: sums.pointer + index * width)
  }

  package func finishForward(count: Int, into features: SharedBuffer<Float>, _ parallel: Parallel) throws {
    guard description.selfAttention == .both, let selfAttention else { return }
    try products.multiply(
      parallel, transposeB: true, m: count, n: width, k: width, a: sums, leadingA: width,
      b: selfAttention.value, leadingB: width, bias: selfAttention.output.bias!.values, c: features,
      leadingC: width)
  }

  func tokenAttention(_ index: Int) -> UnsafeMutablePointer<Float> {
    tokenAttention.pointer + index * tokenCount * tokenCount
  }

  /// A square matrix over the tokens, as something to pool from.
  func rows(_ matrix: UnsafePointer<Float>) -> StoredTokens {
    StoredTokens(.float32, matrix, tokenCount: tokenCount, width: tokenCount)
  }

  private func pool(
    _ image: ImageTokens, _ weights: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>
  ) {
    out.update(repeating: 0, count: width)
    image.stored[firstToken..<firstToken + tokenCount].addWeightedSum(weights: weights, to: out)
  }

  /// Writes P.
  private func attend(
    _ tokens: UnsafePointer<Float>, _ matrix: UnsafeMutablePointer<Float>, _ scratch: AbMILPScratch
  ) {
    let projected = scratch.gradient.pointer
    formFactor!.multiply(tokens, count: tokenCount, into: projected)
    products.multiply(
      transposeB: true, m: tokenCount, n: tokenCount, k: width, alpha: 1 / Float(width).squareRoot(),
      a: projected, leadingA: width, b: tokens, leadingB: width, c: matrix, leadingC: tokenCount)
    pb_softmax(matrix, tokenCount, tokenCount)
  }

  /// Writes the scores of all tokens.
  private func score(
    _ tokens: UnsafePointer<Float>, _ index: Int, into scores: UnsafeMutablePointer<Float>,
    _ scratch: AbMILPScratch
  ) {
    if isRectified { return scoreRectified(tokens, index, into: scores, scratch) }
    guard scorer.hidden.isEmpty else {
      let top = runHidden(tokens, index, layerCount: scorer.hidden.count, scratch)
      return StoredTokens(.float32, top, tokenCount: tokenCount, width: width)
        .dots(query: scorer.score.weight.values.pointer, into: scores)
    }
    let values = scratch.tokens.pointer
    StoredTokens(.float32, tokens, tokenCount: tokenCount, width: width)
      .dots(query: firstWeight.pointer, into: values)
    rows(tokenAttention(index)).dots(query: values, into: scores)
    for token in 0..<tokenCount { scores[token] += firstOffsets.pointer[token] }
  }

  /// The last hidden layer's output is looked at once, while it is in the cache, and leaves its signs.
  private func scoreRectified(
    _ tokens: UnsafePointer<Float>, _ index: Int, into scores: UnsafeMutablePointer<Float>,
    _ scratch: AbMILPScratch
  ) {
    let top = scorer.hidden.count - 1
    let input = runHidden(tokens, index, layerCount: top, scratch)
    let product = scratch.gradient.pointer
    layerFactors[top].multiply(input, count: tokenCount, into: product)
    let offsets = top == 0 ? firstOffsets : scorer.hidden[top].bias!.values
    pb_rectified_dots(
      product, offsets.pointer, top == 0 && scorer.positionEmbedding != nil ? width : 0,
      scorer.score.weight.values.pointer, tokenCount, width, scores, signs(index))
  }

  /// Runs the lowest hidden layers.
  ///
  /// - Parameter again: whether they have run for this image before, so that what was kept need not be computed.
  /// - Returns: the last one's output, [T', D], or what the first one sees where there is none to run; every layer's
  ///   input stays in the scratch memory.
  func runHidden(
    _ tokens: UnsafePointer<Float>, _ index: Int, layerCount: Int, again: Bool = false,
    _ scratch: AbMILPScratch
  ) -> UnsafePointer<Float> {
    var input = tokens
    if selfAttention != nil {
      products.multiply(
        m: tokenCount, n: width, k: tokenCount, a: tokenAttention(index), leadingA: tokenCount, b: tokens,
        leadingB: width, c: scratch.attended.pointer, leadingC: width)
      input = UnsafePointer(scratch.attended.pointer)
    }
    let isKept = again && kept[index] != nil
    for (layer, parameters) in scorer.hidden[..<layerCount].enumerated() {
      let output = output(layer, index, scratch)
      if isKept {
        input = UnsafePointer(output)
        continue
      }
      if layer == 0 {
        output.update(from: firstOffsets.pointer, count: tokenCount * width)
      } else {
        for token in 0..<tokenCount {
          (output + token * width).update(from: parameters.bias!.values.pointer, count: width)
        }
      }
      layerFactors[layer].multiply(input, count: tokenCount, beta: 1, into: output)
      description.activation.apply(output, count: tokenCount * width)
      input = UnsafePointer(output)
    }
    return input
  }
}
