import CKernels
import Compute

extension AbMILPTokenPooling {
  package func beginBackward(count: Int, gradient: SharedBuffer<Float>, _ parallel: Parallel) throws {
    guard description.selfAttention == .both, let selfAttention else { return }
    // features = W sums + b
    try products.multiply(
      parallel, transposeA: true, m: width, n: width, k: count, a: gradient, leadingA: width, b: sums,
      leadingB: width, beta: 1, c: selfAttention.valueGradient, leadingC: width)
    try Rows.addSum(of: gradient, count: count, to: selfAttention.output.bias!.gradient, parallel)
    try products.multiply(
      parallel, m: count, n: width, k: width, a: gradient, leadingA: width, b: selfAttention.value,
      leadingB: width, c: sums, leadingC: width)
  }

  /// The gradient of one image: of its attention, of its scores, then down through the layers and the self-attention.
  package func backward(
    _ image: ImageTokens, index: Int, group: Int, gradient: UnsafePointer<Float>
  ) throws {
    if image.isFirstOfGroup { parts.clear(group) }
    let scratch = scratch(image)
    let stored = image.stored[firstToken..<firstToken + tokenCount]
    let weights = attention.pointer + index * tokenCount
    let scores = scratch.scoreGradient.pointer
    if description.selfAttention == .both {
      let spread = scratch.tokens.pointer
      stored.dots(query: sums.pointer + index * width, into: spread)
      rows(tokenAttention(index)).dots(query: spread, into: scores)
      setOuterProduct(weights, spread, scratch.tokenGradient.pointer)
    } else {
      stored.dots(query: gradient, into: scores)
      scratch.tokenGradient.fill(0)
    }
    // Gradients of a softmax's input sum to zero, so that the score's bias, which softmax does not see, has none.
    pb_softmax_rows_backward(weights, scores, 1, tokenCount)
    let tokens = UnsafePointer(image.inSinglePrecision() + firstToken * width)
    if scorer.hidden.isEmpty {
      addScoreGradients(tokens, index, group, scratch)
    } else {
      addHiddenGradients(tokens, index, group, scratch)
    }
    if selfAttention != nil { addSelfAttentionGradient(tokens, index, group, scratch) }
  }

  private func setOuterProduct(
    _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Float>
  ) {
    for row in 0..<tokenCount {
      for column in 0..<tokenCount { out[row * tokenCount + column] = left[row] * right[column] }
    }
  }

  /// Depth 1 behind self-attention: s = P (X u) + offsets.
  private func addScoreGradients(
    _ tokens: UnsafePointer<Float>, _ index: Int, _ group: Int, _ scratch: AbMILPScratch
  ) {
    let (scores, values, spread) = (
      scratch.scoreGradient.pointer, scratch.values.pointer, scratch.tokens.pointer
    )
    if scorer.positionEmbedding != nil {
      let offsets = parts.offsets.partial(group)
      for token in 0..<tokenCount { offsets[token] += scores[token] }
    }
    let stored = StoredTokens(.float32, tokens, tokenCount: tokenCount, width: width)
    stored.dots(query: firstWeight.pointer, into: values)
    spread.update(repeating: 0, count: tokenCount)
    rows(tokenAttention(index)).addWeightedSum(weights: scores, to: spread)
    stored.addWeightedSum(weights: spread, to: parts.weights[0].partial(group))
    BLAS.multiply(
      m: tokenCount, n: tokenCount, k: 1, a: scores, leadingA: 1, b: values, leadingB: tokenCount, beta: 1,
      c: scratch.tokenGradient.pointer, leadingC: tokenCount)
  }

  private func addHiddenGradients(
    _ tokens: UnsafePointer<Float>, _ index: Int, _ group: Int, _ scratch: AbMILPScratch
  ) {
    let top = scorer.hidden.count - 1
    var gradient = scratch.gradient.pointer
    if isRectified {
      _ = runHidden(tokens, index, layerCount: top, again: true, scratch)
      pb_expand_signs(signs(index), scratch.scoreGradient.pointer, tokenCount, width, gradient)
    } else {
      setTopGradient(runHidden(tokens, index, layerCount: top + 1, again: true, scratch), group, scratch)
    }
    for layer in (0...top).reversed() {
      let output = output(layer, index, scratch)
      if layer < top || !isRectified {
        description.activation.multiplyByDerivative(gradient, output: output, count: tokenCount * width)
      }
      let input =
        layer > 0
        ? UnsafePointer(self.output(layer - 1, index, scratch))
        : selfAttention == nil ? tokens : UnsafePointer(scratch.attended.pointer)
      products.multiply(
        transposeA: true, m: width, n: width, k: tokenCount, a: gradient, leadingA: width, b: input,
        leadingB: width, beta: 1, c: parts.weights[layer].partial(group), leadingC: width)
      guard layer > 0 else { break }
      StoredTokens(.float32, gradient, tokenCount: tokenCount, width: width)
        .addWeightedSum(weights: scratch.ones.pointer, to: parts.biases[layer - 1].partial(group))
      // The layer's output is not needed any more: its memory takes the gradient with respect to the layer's input.
      gradientFactors[layer]!.multiply(gradient, count: tokenCount, into: output)
      gradient = output
    }
    addOffsetGradients(gradient, to: parts.offsets.partial(group), scratch)
    guard selfAttention != nil else { return }
    // What reaches y, and through it P.
    let reached = scratch.attended.pointer
    gradientFactors[0]!.multiply(gradient, count: tokenCount, into: reached)
    products.multiply(
      transposeB: true, m: tokenCount, n: tokenCount, k: width, a: reached, leadingA: width, b: tokens,
      leadingB: width, beta: 1, c: scratch.tokenGradient.pointer, leadingC: tokenCount)
  }

  /// The gradient with respect to the last hidden layer's output, and the score's weight's share in it.
  private func setTopGradient(_ output: UnsafePointer<Float>, _ group: Int, _ scratch: AbMILPScratch) {
    let scores = scratch.scoreGradient.pointer
    StoredTokens(.float32, output, tokenCount: tokenCount, width: width)
      .addWeightedSum(weights: scores, to: parts.weights[scorer.hidden.count].partial(group))
    BLAS.multiply(
      m: tokenCount, n: width, k: 1, a: scores, leadingA: 1, b: scorer.score.weight.values.pointer,
      leadingB: width, c: scratch.gradient.pointer, leadingC: width)
  }

  /// By token where tokens have places of their own, added up over them otherwise.
  private func addOffsetGradients(
    _ gradient: UnsafePointer<Float>, to offsets: UnsafeMutablePointer<Float>, _ scratch: AbMILPScratch
  ) {
    if scorer.positionEmbedding != nil {
      for element in 0..<tokenCount * width { offsets[element] += gradient[element] }
    } else {
      StoredTokens(.float32, gradient, tokenCount: tokenCount, width: width)
        .addWeightedSum(weights: scratch.ones.pointer, to: offsets)
    }
  }

  /// From the gradient of P to the one of M.
  private func addSelfAttentionGradient(
    _ tokens: UnsafePointer<Float>, _ index: Int, _ group: Int, _ scratch: AbMILPScratch
  ) {
    pb_softmax_rows_backward(
      tokenAttention(index), scratch.tokenGradient.pointer, tokenCount, tokenCount)
    let mixed = scratch.gradient.pointer
    products.multiply(
      m: tokenCount, n: width, k: tokenCount, alpha: 1 / Float(width).squareRoot(),
      a: scratch.tokenGradient.pointer, leadingA: tokenCount, b: tokens, leadingB: width, c: mixed,
      leadingC: width)
    products.multiply(
      transposeA: true, m: width, n: width, k: tokenCount, a: tokens, leadingA: width, b: mixed,
      leadingB: width, beta: 1, c: parts.form!.partial(group), leadingC: width)
  }

  // MARK: - Parameters

  package func finishBackward(count: Int, groupCount: Int, _ parallel: Parallel) throws {
    try parts.add(groupCount: groupCount, parallel)
    if isRectified { finishTop() }
    let layers = scorer.hidden + [scorer.score]
    for layer in layers.indices where layer > 0 || selfAttention == nil {
      let gradient = layers[layer].weight.gradient
      try Rows.add(parts.weights[layer].sum, to: gradient, count: gradient.count, parallel)
    }
    for layer in scorer.hidden.indices.dropFirst() {
      try Rows.add(parts.biases[layer - 1].sum, to: layers[layer].bias!.gradient, count: width, parallel)
    }
    let offsets = parts.offsets.sum
    if let selfAttention {
      try addFolded(parts.weights[0].sum, offsets, selfAttention, parallel)
      selfAttention.formGradient.pointer.update(from: parts.form!.sum.pointer, count: width * width)
      try selfAttention.unfold(parallel)
    }
    try addOffsets(offsets, parallel)
  }

  /// The gradient of w, and the factor w that those of H and k still lack.
  private func finishTop() {
    let top = scorer.hidden.count - 1
    let (weight, products) = (weight(top).pointer, parts.weights[top].sum.pointer)
    let (offsets, sums) =
      top == 0
      ? (firstOffsets, parts.offsets.sum) : (scorer.hidden[top].bias!.values, parts.biases[top - 1].sum)
    for output in 0..<width {
      let factor = scorer.score.weight.values.pointer[output]
      let (row, product) = (weight + output * width, products + output * width)
      var slope: Double = 0
      for input in 0..<width {
        slope += Double(row[input]) * Double(product[input])
        product[input] *= factor
      }
      for element in stride(from: output, to: sums.count, by: width) {
        slope += Double(offsets.pointer[element]) * Double(sums.pointer[element])
        sums.pointer[element] *= factor
      }
      scorer.score.weight.gradient.pointer[output] += Float(slope)
    }
  }

  /// The first layer's weight and W from the gradient of their product.
  private func addFolded(
    _ product: SharedBuffer<Float>, _ offsets: SharedBuffer<Float>, _ selfAttention: AbMILPSelfAttention,
    _ parallel: Parallel
  ) throws {
    let (weight, outputs) = (first.weight, first.outputWidth)
    try BLAS.multiply(
      parallel, transposeB: true, m: outputs, n: width, k: width, a: product, leadingA: width,
      b: selfAttention.value, leadingB: width, beta: 1, c: weight.gradient, leadingC: width)
    try BLAS.multiply(
      parallel, transposeA: true, m: width, n: width, k: outputs, a: weight.values, leadingA: width,
      b: product, leadingB: width, beta: 1, c: selfAttention.valueGradient, leadingC: width)
    // Self-attention's bias goes through the first layer into every token's offset.
    guard !scorer.hidden.isEmpty else { return }
    let (bias, sums) = (selfAttention.output.bias!, try offsetSums(offsets, parallel))
    try BLAS.multiply(
      parallel, m: outputs, n: width, k: 1, a: sums, leadingA: 1, b: bias.values, leadingB: width, beta: 1,
      c: weight.gradient, leadingC: width)
    try BLAS.multiply(
      parallel, m: 1, n: width, k: outputs, a: sums, leadingA: outputs, b: weight.values, leadingB: width,
      beta: 1, c: bias.gradient, leadingC: width)
  }

  private func offsetSums(_ offsets: SharedBuffer<Float>, _ parallel: Parallel) throws -> SharedBuffer<Float>
  {
    let sums = SharedBuffer<Float>(count: first.outputWidth)
    try Rows.addSum(of: offsets, count: offsets.count / sums.count, to: sums, parallel)
    return sums
  }

  private func addOffsets(_ offsets: SharedBuffer<Float>, _ parallel: Parallel) throws {
    let outputs = first.outputWidth
    if !scorer.hidden.isEmpty {
      let sums = try offsetSums(offsets, parallel)
      try Rows.add(sums, to: first.bias!.gradient, count: outputs, parallel)
    }
    guard let embedding = scorer.positionEmbedding else { return }
    try BLAS.multiply(
      parallel, transposeA: true, m: outputs, n: width, k: tokenCount, a: offsets, leadingA: outputs,
      b: embedding.values, leadingB: width, beta: 1, c: first.weight.gradient, leadingC: width)
    try BLAS.multiply(
      parallel, m: tokenCount, n: width, k: outputs, a: offsets, leadingA: outputs, b: first.weight.values,
      leadingB: width, beta: 1, c: embedding.gradient, leadingC: width)
  }
}

/// What groups of images add up for one AbMILP head.
struct AbMILPParts: Sendable {
  /// One a layer, the score last, [output, D] each; of the first layer with what is folded into it.
  let weights: [GroupSums]
  /// Of the second hidden layer and those above, [D].
  let biases: [GroupSums]
  /// [T', output width of the first layer]: of what the first layer adds to each token's product; a single row where that
  /// does not depend on the token's place.
  let offsets: GroupSums
  /// Of M, [D, D]; nil without self-attention.
  let form: GroupSums?

  init(_ scorer: AbMILPScorer, hasSelfAttention: Bool, tokenCount: Int, width: Int) {
    let layers = scorer.hidden + [scorer.score]
    weights = layers.map { GroupSums(count: $0.weight.count) }
    biases = scorer.hidden.dropFirst().map { _ in GroupSums(count: width) }
    offsets = GroupSums(
      count: (scorer.positionEmbedding == nil ? 1 : tokenCount) * layers[0].outputWidth)
    form = hasSelfAttention ? GroupSums(count: width * width) : nil
  }

  private var all: [GroupSums] { weights + biases + [offsets] + (form.map { [$0] } ?? []) }

  func clear(_ group: Int) {
    for sums in all { sums.clear(group) }
  }

  func add(groupCount: Int, _ parallel: Parallel) throws {
    for sums in all { _ = try sums.total(groupCount: groupCount, parallel) }
  }
}

/// One thread's memory for one image.
final class AbMILPScratch {
  /// The hidden layers' outputs, [T', D] each.
  let outputs: [SharedBuffer<Float>]
  /// y, then the gradient with respect to it, [T', D]; empty without self-attention.
  let attended: SharedBuffer<Float>
  /// [T', D]
  let gradient: SharedBuffer<Float>
  /// [T', T']: the gradient with respect to P; empty without self-attention.
  let tokenGradient: SharedBuffer<Float>
  /// [T']
  let scoreGradient: SharedBuffer<Float>
  let tokens: SharedBuffer<Float>
  let values: SharedBuffer<Float>
  /// [T'], all 1.
  let ones: SharedBuffer<Float>

  init(_ pooling: AbMILPTokenPooling) {
    let tokenCount = pooling.tokenCount
    let count = tokenCount * pooling.width
    let hasSelfAttention = pooling.selfAttention != nil
    outputs = pooling.scorer.hidden.map { _ in SharedBuffer(count: count) }
    attended = SharedBuffer(count: hasSelfAttention ? count : 0)
    gradient = SharedBuffer(count: count)
    tokenGradient = SharedBuffer(count: hasSelfAttention ? tokenCount * tokenCount : 0)
    scoreGradient = SharedBuffer(count: tokenCount)
    tokens = SharedBuffer(count: tokenCount)
    values = SharedBuffer(count: tokenCount)
    ones = SharedBuffer(count: tokenCount)
    ones.fill(1)
  }
}
