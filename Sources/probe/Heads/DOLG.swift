import CKernels
import Compute
import Tensors

/// DOLG's local branch (Yang et al. 2021, arXiv 2108.02927; efficient-probing's `SpatialAttention2d`): projected tokens,
/// each of length 1 times a positive score, averaged.
///
/// With n_t = batch norm of (W x_t + b) over all tokens of the batch, scale g, shift h, epsilon 1e-5: features = the mean
/// over t of softplus(w . relu(n_t) + c) n_t / max(|n_t|, 1e-12). Batch norm is folded into the projection, n_t = A x_t + a.
///
/// Nothing is kept of a token: in training, a visit before the others gathers the scatter matrix of the tokens, S = sum
/// over t of (x_t - m)(x_t - m)^T, of which the projection's variances are the diagonal of W S W^T / N, and S also stands
/// for all normalised tokens in the gradient of W. A step costs three and a half products of all tokens with a
/// [D, D] matrix.
package final class DOLG: Pooling {
  package let outputWidth: Int
  package let parameters: [Parameter]

  private static let leastLength: Float = 1e-12
  private static let rowsPerChunk = 32

  private let width: Int
  private let firstToken: Int
  /// T', the pooled tokens.
  private let tokenCount: Int
  /// W as [D, D, 1, 1], and b.
  private let projection: (weight: Parameter, bias: Parameter)
  private let norm: BatchNorm
  /// g and h.
  private let affine: (scale: Parameter, shift: Parameter)
  /// w as [1, D, 1, 1], and c.
  private let score: (weight: Parameter, bias: Parameter)

  private let products: MatrixProducts
  /// A transposed, [D, D], as the tokens meet it, and a, [D].
  private let folded: SharedBuffer<Float>
  private let foldedFactor: ProductFactor
  private let offsets: SharedBuffer<Float>
  /// [D], 1 / sqrt(variance + epsilon)
  private let inverseDeviations: SharedBuffer<Float>
  /// [B, D]: each image's mean token, then its distance from the batch's.
  private let means: SharedBuffer<Float>
  /// m, [D]
  private let mean: SharedBuffer<Float>
  /// W S, [D, D]
  private let projectedScatter: SharedBuffer<Float>
  /// [B, T']: what each token, of length 1, is multiplied with in the last batch's features.
  private let shares: SharedBuffer<Float>
  /// [T'], all 1 / T'.
  private let evenWeights: SharedBuffer<Float>
  /// [D, D]: S without what the images' means add to it; backward, the sum over t of the gradient of n_t times x_t^T.
  private let outerProducts: GroupSums
  /// The gradients' sums of n_t, [D], of w, [D], and of c.
  private let vectors: GroupSums

  package init(
    _ description: AttentiveDescription, layout: TokenLayout, batchSize: Int,
    products: MatrixProducts, _ generator: inout SeededGenerator
  ) {
    (width, outputWidth) = (layout.width, layout.width)
    firstToken = layout.firstToken(description.content)
    tokenCount = layout.tokenCount - firstToken
    projection = (
      Parameter("conv1.weight", shape: [width, width, 1, 1]), Parameter("conv1.bias", shape: [width])
    )
    score = (Parameter("conv2.weight", shape: [1, width, 1, 1]), Parameter("conv2.bias", shape: [1]))
    // efficient-probing's: of variance 2 over the number of outputs; biases as PyTorch's layers have them.
    projection.weight.initialize(deviation: (2 / Double(width)).squareRoot(), &generator)
    projection.bias.initialize(fanIn: width, &generator)
    score.weight.initialize(deviation: 2.0.squareRoot(), &generator)
    score.bias.initialize(fanIn: width, &generator)
    affine = (Parameter("bn.weight", shape: [width]), Parameter("bn.bias", shape: [width]))
    affine.scale.values.fill(1)
    norm = BatchNorm(width: width, epsilon: 1e-5)
    parameters = [
      projection.weight, projection.bias, affine.scale, affine.shift, score.weight, score.bias,
    ]
    (folded, offsets) = (SharedBuffer(count: width * width), SharedBuffer(count: width))
    self.products = products
    foldedFactor = ProductFactor(folded, inputWidth: width, outputWidth: width, products)
    (inverseDeviations, mean) = (SharedBuffer(count: width), SharedBuffer(count: width))
    means = SharedBuffer(count: batchSize * width)
    projectedScatter = SharedBuffer(count: width * width)
    shares = SharedBuffer(count: batchSize * tokenCount)
    evenWeights = SharedBuffer(count: tokenCount)
    evenWeights.fill(1 / Float(tokenCount))
    (outerProducts, vectors) = (GroupSums(count: width * width), GroupSums(count: 2 * width + 1))
  }

  package var batchNorms: [String: BatchNorm] { ["bn": norm] }

  /// One thread's memory for one image.
  private final class Scratch {
    /// [T', D]
    let values: SharedBuffer<Float>
    /// [T']
    let lengths: SharedBuffer<Float>
    let scores: SharedBuffer<Float>
    let slopes: SharedBuffer<Float>
    let shares: SharedBuffer<pb_gate_shares>

    init(tokenCount: Int, width: Int) {
      values = SharedBuffer(count: tokenCount * width)
      (lengths, scores) = (SharedBuffer(count: tokenCount), SharedBuffer(count: tokenCount))
      (slopes, shares) = (SharedBuffer(count: tokenCount), SharedBuffer(count: tokenCount))
    }
  }

  private func scratch(_ image: ImageTokens) -> Scratch {
    image.scratch(of: self) { Scratch(tokenCount: tokenCount, width: width) }
  }

  private func tokens(_ values: UnsafePointer<Float>) -> StoredTokens {
    StoredTokens(.float32, values, tokenCount: tokenCount, width: width)
  }

  // MARK: - Statistics

  package func surveys(training: Bool) -> Bool { training }

  package func survey(_ image: ImageTokens, index: Int, group: Int) {
    let values = image.inSinglePrecision() + firstToken * width
    let (mean, centered) = (means.pointer + index * width, scratch(image).values.pointer)
    mean.update(repeating: 0, count: width)
    tokens(values).addWeightedSum(weights: evenWeights.pointer, to: mean)
    for token in 0..<tokenCount {
      let (row, out) = (values + token * width, centered + token * width)
      for channel in 0..<width { out[channel] = row[channel] - mean[channel] }
    }
    BLAS.multiplyByTransposed(
      n: width, k: tokenCount, a: centered, beta: image.isFirstOfGroup ? 0 : 1,
      c: outerProducts.partial(group))
  }

  package func beginForward(count: Int, training: Bool, _ parallel: Parallel) throws {
    if training {
      try measure(count: count, parallel)
      try fold(parallel) { affine.shift.values.pointer[$0] - $1 }
    } else {
      for channel in 0..<width {
        inverseDeviations.pointer[channel] =
          1 / (norm.runningVariance.pointer[channel] + norm.epsilon).squareRoot()
      }
      try fold(parallel) { channel, _ in
        affine.shift.values.pointer[channel]
          + affine.scale.values.pointer[channel] * inverseDeviations.pointer[channel]
          * (projection.bias.values.pointer[channel] - norm.runningMean.pointer[channel])
      }
    }
  }

  /// The batch's statistics of the projected tokens, and W S.
  private func measure(count: Int, _ parallel: Parallel) throws {
    try parallel.forEachChunk(of: width, length: Self.rowsPerChunk) { _, channels, _ in
      for channel in channels {
        var sum = 0.0
        for image in 0..<count { sum += Double(means.pointer[image * width + channel]) }
        let center = Float(sum / Double(count))
        mean.pointer[channel] = center
        for image in 0..<count { means.pointer[image * width + channel] -= center }
      }
    }
    let scatter = try outerProducts.total(groupCount: ImageGroups(imageCount: count).count, parallel)
    nonisolated(unsafe) let shared = scatter.pointer
    let weight = projection.weight.values.pointer
    nonisolated(unsafe) let rows = weight
    try parallel.forEachChunk(of: width, length: Self.rowsPerChunk) { _, channels, _ in
      // Below the diagonal stands what is above it.
      for row in channels {
        for column in 0..<row { shared[row * width + column] = shared[column * width + row] }
      }
    }
    try parallel.forEachChunk(of: width, length: Self.rowsPerChunk) { _, channels, _ in
      BLAS.multiply(
        transposeA: true, m: channels.count, n: width, k: count, alpha: Float(tokenCount),
        a: means.pointer + channels.lowerBound, leadingA: width, b: means.pointer, leadingB: width, beta: 1,
        c: shared + channels.lowerBound * width, leadingC: width)
    }
    let (averages, variances) = (SharedBuffer<Double>(count: width), SharedBuffer<Double>(count: width))
    try parallel.forEachChunk(of: width, length: Self.rowsPerChunk) { _, channels, _ in
      BLAS.multiply(
        m: channels.count, n: width, k: width, a: rows + channels.lowerBound * width, leadingA: width,
        b: shared, leadingB: width, c: projectedScatter.pointer + channels.lowerBound * width,
        leadingC: width)
      for channel in channels {
        let row = rows + channel * width
        variances.pointer[channel] = max(
          0, dot(row, projectedScatter.pointer + channel * width) / Double(count * tokenCount))
        averages.pointer[channel] =
          dot(row, mean.pointer) + Double(projection.bias.values.pointer[channel])
        inverseDeviations.pointer[channel] = Float(
          1 / (variances.pointer[channel] + Double(norm.epsilon)).squareRoot())
      }
    }
    norm.track(means: averages, variances: variances, count: count * tokenCount)
  }

  private func dot(_ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>) -> Double {
    var sum = 0.0
    for channel in 0..<width { sum += Double(left[channel]) * Double(right[channel]) }
    return sum
  }

  /// A, and a from what the mean token becomes by it.
  private func fold(
    _ parallel: Parallel, _ offset: @Sendable (_ channel: Int, _ projectedMean: Float) -> Float
  ) throws {
    try parallel.forEachChunk(of: width, length: Self.rowsPerChunk) { _, channels, _ in
      for channel in channels {
        let factor = affine.scale.values.pointer[channel] * inverseDeviations.pointer[channel]
        let (row, out) = (projection.weight.values.pointer + channel * width, folded.pointer + channel)
        for input in 0..<width { out[input * width] = factor * row[input] }
        offsets.pointer[channel] = offset(channel, factor * Float(dot(row, mean.pointer)))
      }
    }
    try foldedFactor.prepare(parallel)
  }

  // MARK: - Forward

  /// Writes n, its tokens' lengths, and softplus of their scores.
  private func project(_ values: UnsafePointer<Float>, _ scratch: Scratch) {
    let out = scratch.values.pointer
    for token in 0..<tokenCount { (out + token * width).update(from: offsets.pointer, count: width) }
    foldedFactor.multiply(values, count: tokenCount, beta: 1, into: out)
    let (lengths, scores) = (scratch.lengths.pointer, scratch.scores.pointer)
    pb_gate_dots(out, score.weight.values.pointer, tokenCount, width, lengths, scores)
    for token in 0..<tokenCount {
      scores[token] += score.bias.values.pointer[0]
      lengths[token] = max(lengths[token], Self.leastLength)
    }
    pb_softplus(scores, tokenCount)
  }

  package func forward(_ image: ImageTokens, index: Int, into features: UnsafeMutablePointer<Float>) {
    let scratch = scratch(image)
    project(image.inSinglePrecision() + firstToken * width, scratch)
    let (weights, shares) = (scratch.slopes.pointer, shares.pointer + index * tokenCount)
    for token in 0..<tokenCount {
      shares[token] = scratch.scores.pointer[token] / Float(tokenCount)
      weights[token] = shares[token] / scratch.lengths.pointer[token]
    }
    features.update(repeating: 0, count: width)
    tokens(scratch.values.pointer).addWeightedSum(weights: weights, to: features)
  }

  package func weights(index: Int) -> TokenWeights? {
    let own = UnsafeBufferPointer(start: shares.pointer + index * tokenCount, count: tokenCount)
    return TokenWeights(.scores, own, firstToken: firstToken)
  }

  // MARK: - Backward

  package func backward(_ image: ImageTokens, index: Int, group: Int, gradient: UnsafePointer<Float>) {
    let scratch = scratch(image)
    let values = image.inSinglePrecision() + firstToken * width
    project(values, scratch)
    if image.isFirstOfGroup { vectors.clear(group) }
    let sums = vectors.partial(group)
    share(scratch, gradient, scoreBias: sums + 2 * width)
    pb_gate_backward(
      scratch.values.pointer, gradient, score.weight.values.pointer, scratch.shares.pointer, tokenCount,
      width, sums, sums + width)
    products.multiply(
      transposeA: true, m: width, n: width, k: tokenCount, a: scratch.values.pointer, leadingA: width,
      b: values, leadingB: width, beta: image.isFirstOfGroup ? 0 : 1, c: outerProducts.partial(group),
      leadingC: width)
  }

  /// What of the features' gradient, of n and of w each token's gradient is made of.
  private func share(
    _ scratch: Scratch, _ gradient: UnsafePointer<Float>, scoreBias: UnsafeMutablePointer<Float>
  ) {
    let slopes = scratch.slopes.pointer
    tokens(scratch.values.pointer).dots(query: gradient, into: slopes)
    for token in 0..<tokenCount { slopes[token] /= Float(tokenCount) * scratch.lengths.pointer[token] }
    for token in 0..<tokenCount {
      let (length, weight) = (scratch.lengths.pointer[token], scratch.scores.pointer[token])
      // Below the least length a token is divided by a constant.
      scratch.shares.pointer[token] = pb_gate_shares(
        feature: weight / (Float(tokenCount) * length),
        own: length > Self.leastLength ? -weight * slopes[token] / (length * length) : 0, score: 0)
    }
    pb_softplus_backward(scratch.scores.pointer, slopes, tokenCount)
    for token in 0..<tokenCount {
      scratch.shares.pointer[token].score = slopes[token]
      scoreBias[0] += slopes[token]
    }
  }

  package func finishBackward(count: Int, groupCount: Int, _ parallel: Parallel) throws {
    nonisolated(unsafe) let outer = try outerProducts.total(groupCount: groupCount, parallel).pointer
    nonisolated(unsafe) let sums = try vectors.total(groupCount: groupCount, parallel).pointer
    let tokensOfBatch = Double(count * tokenCount)
    let (scale, shift) = (affine.scale, affine.shift)
    try parallel.forEachChunk(of: width, length: Self.rowsPerChunk) { _, channels, _ in
      for channel in channels {
        let inverse = inverseDeviations.pointer[channel]
        let (weight, row) = (projection.weight.values.pointer + channel * width, outer + channel * width)
        let scaleGradient = Float(
          Double(inverse) * (dot(weight, row) - Double(sums[channel]) * dot(weight, mean.pointer)))
        scale.gradient.pointer[channel] += scaleGradient
        shift.gradient.pointer[channel] += sums[channel]
        score.weight.gradient.pointer[channel] += sums[width + channel]
        // Batch norm takes from the gradient its mean and its part along the normalised values. The bias b has none:
        // what is added to all tokens goes with their mean.
        let factor = scale.values.pointer[channel] * inverse
        let along = Float(Double(scaleGradient) / tokensOfBatch) * inverse
        let (out, scatter) = (
          projection.weight.gradient.pointer + channel * width, projectedScatter.pointer + channel * width
        )
        for input in 0..<width {
          out[input] +=
            factor * (row[input] - sums[channel] * mean.pointer[input] - along * scatter[input])
        }
      }
    }
    score.bias.gradient.pointer[0] += sums[2 * width]
  }
}
