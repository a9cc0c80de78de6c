import CKernels
import Compute
import Tensors

/// CBAM (Woo et al. 2018, arXiv 1807.06521; efficient-probing's `CbamPooling`): gates for channels, then for places.
///
/// With f(z) = W2 relu(W1 z): channel gates s = sigmoid(f(mean_t x_t) + f(max_t x_t)); of the gated channels' mean and
/// maximum at each place a 7 x 7 convolution over the grid, batch norm and sigmoid make its gate m_t; features = the mean
/// over t of relu(m_t s x_t + x_t). Gates are positive, so that the latter is relu(x_t) (1 + m_t s).
///
/// An image's gates for channels are its own affair. Those for places need the whole batch's statistics: a visit before
/// the others makes what they are of. Batch norm's way back is linear in what it needs of the batch, which is only known
/// after the visit back: that visit makes the parts, which are put together afterwards. Of an image, a few numbers for
/// each place and channel are kept.
package final class CBAM: Pooling {
  package let outputWidth: Int
  package let parameters: [Parameter]

  private static let imagesPerChunk = 16
  /// The parts of batch norm's way back: of the gradient, of a constant, and of the normalised values.
  private static let partCount = 3

  private let width: Int
  private let hiddenWidth: Int
  private let firstToken: Int
  private let tokenCount: Int
  private let convolution: PlaneConvolution
  /// W1 [c, D, 1, 1] and W2 [D, c, 1, 1].
  private let channelWeights: (first: Parameter, second: Parameter)
  /// [1, 2, 7, 7]
  private let kernel: Parameter
  /// Of one channel.
  private let norm: BatchNorm
  private let affine: (scale: Parameter, shift: Parameter)

  /// [B, D] each: over the patches.
  private let means: SharedBuffer<Float>
  private let maxima: SharedBuffer<Float>
  /// [B, c] each: relu(W1 z) of both.
  private let meanHidden: SharedBuffer<Float>
  private let maximumHidden: SharedBuffer<Float>
  /// s, [B, D]
  private let gates: SharedBuffer<Float>
  /// [B, 2, T]: mean and maximum of the gated channels; and the channels of the maxima, [B, T].
  private let planes: SharedBuffer<Float>
  private let positions: SharedBuffer<Int32>
  /// [B, T]: the convolution's result, then normalised.
  private let normalized: SharedBuffer<Float>
  /// [B, T]: the gradient of what sigmoid makes m of, then that of the convolution's result.
  private let placeGradients: SharedBuffer<Float>
  /// [1], 1 / sqrt(variance + epsilon)
  private let inverseDeviation = SharedBuffer<Float>(count: 1)
  /// m, [B, T]
  private let placeGates: SharedBuffer<Float>
  /// The mean over t of m_t relu(x_t), [B, D]; then the gradient of s by way of the features.
  private let gatedMeans: SharedBuffer<Float>
  /// [B, 3, D]: the gradient of s by way of the places' gates, part by part.
  private let gateParts: SharedBuffer<Float>

  package init(
    _ description: AttentiveDescription, layout: TokenLayout, batchSize: Int,
    _ generator: inout SeededGenerator
  ) {
    precondition(description.content == .patch, "[cls] has no place in the grid")
    (width, outputWidth) = (layout.width, layout.width)
    firstToken = layout.firstToken(.patch)
    tokenCount = layout.tokenCount - firstToken
    convolution = PlaneConvolution(height: layout.gridHeight, width: layout.gridWidth)
    hiddenWidth = Self.hiddenWidth(width)
    channelWeights = (
      Parameter("channel.fc1.weight", shape: [hiddenWidth, width, 1, 1]),
      Parameter("channel.fc2.weight", shape: [width, hiddenWidth, 1, 1])
    )
    let side = PlaneConvolution.side
    kernel = Parameter("spatial.conv.conv.weight", shape: [1, 2, side, side])
    channelWeights.first.initialize(fanIn: width, &generator)
    channelWeights.second.initialize(fanIn: hiddenWidth, &generator)
    kernel.initialize(fanIn: 2 * PlaneConvolution.tapCount, &generator)
    affine = (Parameter("spatial.conv.bn.weight", shape: [1]), Parameter("spatial.conv.bn.bias", shape: [1]))
    affine.scale.values.fill(1)
    norm = BatchNorm(width: 1, epsilon: 1e-5)
    parameters = [channelWeights.first, channelWeights.second, kernel, affine.scale, affine.shift]

    let (channels, places) = (batchSize * width, batchSize * tokenCount)
    (means, maxima) = (SharedBuffer(count: channels), SharedBuffer(count: channels))
    (gates, gatedMeans) = (SharedBuffer(count: channels), SharedBuffer(count: channels))
    meanHidden = SharedBuffer(count: batchSize * hiddenWidth)
    maximumHidden = SharedBuffer(count: batchSize * hiddenWidth)
    (planes, positions) = (SharedBuffer(count: 2 * places), SharedBuffer(count: places))
    (normalized, placeGates) = (SharedBuffer(count: places), SharedBuffer(count: places))
    placeGradients = SharedBuffer(count: places)
    gateParts = SharedBuffer(count: Self.partCount * channels)
  }

  /// c, a sixteenth of the channels.
  static func hiddenWidth(_ width: Int) -> Int { max(1, (width + 8) / 16) }

  package var batchNorms: [String: BatchNorm] { ["spatial.conv.bn": norm] }

  /// One thread's memory for one image.
  private final class Scratch {
    /// relu(x), [T, D]
    let rectified: SharedBuffer<Float>
    /// [2, T]: weights of the forward sums; backward [3, 2, T]: the gradients of both planes, part by part.
    let planes: SharedBuffer<Float>
    /// [2, D]: forward sums; backward the features' query.
    let sums: SharedBuffer<Float>
    /// [T], all 1: a constant as a gradient.
    let ones: SharedBuffer<Float>

    init(tokenCount: Int, width: Int) {
      rectified = SharedBuffer(count: tokenCount * width)
      planes = SharedBuffer(count: CBAM.partCount * 2 * tokenCount)
      sums = SharedBuffer(count: 2 * width)
      ones = SharedBuffer(count: tokenCount)
      ones.fill(1)
    }
  }

  private func scratch(_ image: ImageTokens) -> Scratch {
    image.scratch(of: self) { Scratch(tokenCount: tokenCount, width: width) }
  }

  private func tokens(_ values: UnsafePointer<Float>) -> StoredTokens {
    StoredTokens(.float32, values, tokenCount: tokenCount, width: width)
  }

  // MARK: - Gates

  package func surveys(training: Bool) -> Bool { true }

  package func survey(_ image: ImageTokens, index: Int, group: Int) {
    let values = UnsafePointer(image.inSinglePrecision() + firstToken * width)
    summarize(values, index)
    gateChannels(index)
    let (gate, plane) = (gates.pointer + index * width, planes.pointer + 2 * index * tokenCount)
    tokens(values).dots(query: gate, into: plane)
    for place in 0..<tokenCount { plane[place] /= Float(width) }
    pb_gated_maxima(
      values, gate, tokenCount, width, plane + tokenCount, positions.pointer + index * tokenCount)
    let convolved = normalized.pointer + index * tokenCount
    convolved.update(repeating: 0, count: tokenCount)
    for channel in 0..<2 {
      convolution.add(
        plane + channel * tokenCount, kernel: kernel.values.pointer + channel * PlaneConvolution.tapCount,
        to: convolved)
    }
  }

  private func summarize(_ values: UnsafePointer<Float>, _ index: Int) {
    let (mean, maximum) = (means.pointer + index * width, maxima.pointer + index * width)
    mean.update(from: values, count: width)
    maximum.update(from: values, count: width)
    for token in 1..<max(1, tokenCount) {
      let row = values + token * width
      for channel in 0..<width {
        mean[channel] += row[channel]
        maximum[channel] = row[channel] > maximum[channel] ? row[channel] : maximum[channel]
      }
    }
    for channel in 0..<width { mean[channel] /= Float(tokenCount) }
  }

  private func gateChannels(_ index: Int) {
    let (mean, maximum) = (
      meanHidden.pointer + index * hiddenWidth, maximumHidden.pointer + index * hiddenWidth
    )
    let first = StoredTokens(
      .float32, channelWeights.first.values.pointer, tokenCount: hiddenWidth, width: width)
    first.dots(query: means.pointer + index * width, into: mean)
    first.dots(query: maxima.pointer + index * width, into: maximum)
    pb_relu(mean, hiddenWidth)
    pb_relu(maximum, hiddenWidth)
    let gate = gates.pointer + index * width
    withUnsafeTemporaryAllocation(of: Float.self, capacity: hiddenWidth) { memory in
      let sum = memory.baseAddress!
      for unit in 0..<hiddenWidth { sum[unit] = mean[unit] + maximum[unit] }
      StoredTokens(
        .float32, channelWeights.second.values.pointer, tokenCount: width, width: hiddenWidth
      ).dots(query: sum, into: gate)
    }
    pb_sigmoid(gate, width)
  }

  package func beginForward(count: Int, training: Bool, _ parallel: Parallel) throws {
    let places = count * tokenCount
    let moments =
      training ? trackStatistics(places) : (mean: norm.runningMean[0], variance: norm.runningVariance[0])
    let (mean, inverse) = (moments.mean, 1 / (moments.variance + norm.epsilon).squareRoot())
    inverseDeviation[0] = inverse
    let (scale, shift) = (affine.scale.values.pointer[0], affine.shift.values.pointer[0])
    try parallel.forEachChunk(of: places, length: Self.imagesPerChunk * tokenCount) { _, range, _ in
      for place in range {
        let value = (normalized.pointer[place] - mean) * inverse
        normalized.pointer[place] = value
        placeGates.pointer[place] = scale * value + shift
      }
      pb_sigmoid(placeGates.pointer + range.lowerBound, range.count)
    }
  }

  /// The batch's mean and biased variance of the convolution's results.
  private func trackStatistics(_ places: Int) -> (mean: Float, variance: Float) {
    let (mean, variance) = (SharedBuffer<Double>(count: 1), SharedBuffer<Double>(count: 1))
    for place in 0..<places { mean.pointer[0] += Double(normalized.pointer[place]) }
    mean.pointer[0] /= Double(places)
    for place in 0..<places {
      let difference = Double(normalized.pointer[place]) - mean.pointer[0]
      variance.pointer[0] += difference * difference
    }
    variance.pointer[0] /= Double(places)
    norm.track(means: mean, variances: variance, count: places)
    return (Float(mean.pointer[0]), Float(variance.pointer[0]))
  }

  // MARK: - Forward

  package func forward(_ image: ImageTokens, index: Int, into features: UnsafeMutablePointer<Float>) {
    let scratch = scratch(image)
    rectify(image, scratch)
    let (weights, sums) = (scratch.planes.pointer, scratch.sums.pointer)
    let gate = placeGates.pointer + index * tokenCount
    for place in 0..<tokenCount {
      weights[place] = 1 / Float(tokenCount)
      weights[tokenCount + place] = gate[place] / Float(tokenCount)
    }
    sums.update(repeating: 0, count: 2 * width)
    tokens(scratch.rectified.pointer)
      .addWeightedSums(weights: weights, stride: tokenCount, count: 2, to: sums)
    let (gates, gated) = (gates.pointer + index * width, gatedMeans.pointer + index * width)
    for channel in 0..<width {
      gated[channel] = sums[width + channel]
      features[channel] = sums[channel] + gates[channel] * gated[channel]
    }
  }

  package func weights(index: Int) -> TokenWeights? {
    let gate = UnsafeBufferPointer(start: placeGates.pointer + index * tokenCount, count: tokenCount)
    return TokenWeights(.gates, gate, firstToken: firstToken)
  }

  private func rectify(_ image: ImageTokens, _ scratch: Scratch) {
    let values = image.inSinglePrecision() + firstToken * width
    scratch.rectified.pointer.update(from: values, count: tokenCount * width)
    pb_relu(scratch.rectified.pointer, tokenCount * width)
  }

  // MARK: - Backward

  package func backward(_ image: ImageTokens, index: Int, group: Int, gradient: UnsafePointer<Float>) {
    let scratch = scratch(image)
    rectify(image, scratch)
    let (query, gates) = (scratch.sums.pointer, gates.pointer + index * width)
    let gated = gatedMeans.pointer + index * width
    for channel in 0..<width {
      query[channel] = gradient[channel] * gates[channel] / Float(tokenCount)
      gated[channel] *= gradient[channel]
    }
    let slopes = placeGradients.pointer + index * tokenCount
    tokens(scratch.rectified.pointer).dots(query: query, into: slopes)
    pb_sigmoid_backward(placeGates.pointer + index * tokenCount, slopes, tokenCount)
    addParts(
      [slopes, scratch.ones.pointer, normalized.pointer + index * tokenCount],
      image.inSinglePrecision() + firstToken * width, index, scratch)
  }

  /// What each part of the gradient of the convolution's result is for the channels' gates.
  private func addParts(
    _ parts: [UnsafeMutablePointer<Float>], _ values: UnsafePointer<Float>, _ index: Int, _ scratch: Scratch
  ) {
    let planes = scratch.planes.pointer
    planes.update(repeating: 0, count: scratch.planes.count)
    for (part, gradient) in parts.enumerated() {
      for channel in 0..<2 {
        convolution.addGradient(
          ofOutput: gradient, kernel: kernel.values.pointer + channel * PlaneConvolution.tapCount,
          to: planes + (2 * part + channel) * tokenCount)
      }
      for place in 0..<tokenCount { planes[2 * part * tokenCount + place] /= Float(width) }
    }
    let out = gateParts.pointer + index * Self.partCount * width
    out.update(repeating: 0, count: Self.partCount * width)
    tokens(values).addWeightedSums(
      weights: planes, stride: 2 * tokenCount, count: Self.partCount, to: out)
    for place in 0..<tokenCount {
      let channel = Int(positions.pointer[index * tokenCount + place])
      let value = values[place * width + channel]
      for part in 0..<Self.partCount {
        out[part * width + channel] += planes[(2 * part + 1) * tokenCount + place] * value
      }
    }
  }

  package func finishBackward(count: Int, groupCount: Int, _ parallel: Parallel) throws {
    let places = count * tokenCount
    var (sum, product) = (0.0, 0.0)
    for place in 0..<places {
      sum += Double(placeGradients.pointer[place])
      product += Double(placeGradients.pointer[place]) * Double(normalized.pointer[place])
    }
    affine.shift.gradient.pointer[0] += Float(sum)
    affine.scale.gradient.pointer[0] += Float(product)
    let factor = affine.scale.values.pointer[0] * inverseDeviation[0]
    let shares = (factor, -factor * Float(sum / Double(places)), -factor * Float(product / Double(places)))
    for place in 0..<places {
      placeGradients.pointer[place] =
        shares.0 * placeGradients.pointer[place] + shares.1 + shares.2 * normalized.pointer[place]
    }
    try addKernelGradient(count: count, parallel)
    try addChannelGradients(count: count, shares, parallel)
  }

  private func addKernelGradient(count: Int, _ parallel: Parallel) throws {
    let taps = 2 * PlaneConvolution.tapCount
    let chunks = (count + Self.imagesPerChunk - 1) / Self.imagesPerChunk
    let partials = SharedBuffer<Double>(count: chunks * taps)
    try parallel.forEachChunk(of: count, length: Self.imagesPerChunk) { chunk, images, _ in
      for image in images {
        for channel in 0..<2 {
          convolution.addKernelGradient(
            ofOutput: placeGradients.pointer + image * tokenCount,
            plane: planes.pointer + (2 * image + channel) * tokenCount,
            to: partials.pointer + chunk * taps + channel * PlaneConvolution.tapCount)
        }
      }
    }
    for tap in 0..<taps {
      var sum = 0.0
      for chunk in 0..<chunks { sum += partials.pointer[chunk * taps + tap] }
      kernel.gradient.pointer[tap] += Float(sum)
    }
  }

  /// From the gradient of s through sigmoid and both layers of f.
  private func addChannelGradients(
    count: Int, _ shares: (Float, Float, Float), _ parallel: Parallel
  ) throws {
    let hiddenSum = SharedBuffer<Float>(count: count * hiddenWidth)
    let hiddenGradient = SharedBuffer<Float>(count: count * hiddenWidth)
    try parallel.forEachChunk(of: count, length: Self.imagesPerChunk) { _, images, _ in
      for image in images {
        let (direct, part) = (
          gatedMeans.pointer + image * width, gateParts.pointer + image * Self.partCount * width
        )
        for channel in 0..<width {
          direct[channel] +=
            shares.0 * part[channel] + shares.1 * part[width + channel] + shares.2 * part[2 * width + channel]
        }
        pb_sigmoid_backward(gates.pointer + image * width, direct, width)
      }
      for unit in images.lowerBound * hiddenWidth..<images.upperBound * hiddenWidth {
        hiddenSum.pointer[unit] = meanHidden.pointer[unit] + maximumHidden.pointer[unit]
      }
    }
    let (first, second) = channelWeights
    try BLAS.multiply(
      parallel, transposeA: true, m: width, n: hiddenWidth, k: count, a: gatedMeans, leadingA: width,
      b: hiddenSum, leadingB: hiddenWidth, beta: 1, c: second.gradient, leadingC: hiddenWidth)
    for (hidden, input) in [(meanHidden, means), (maximumHidden, maxima)] {
      try BLAS.multiply(
        parallel, m: count, n: hiddenWidth, k: width, a: gatedMeans, leadingA: width, b: second.values,
        leadingB: hiddenWidth, c: hiddenGradient, leadingC: hiddenWidth)
      pb_relu_backward(hidden.pointer, hiddenGradient.pointer, count * hiddenWidth)
      try BLAS.multiply(
        parallel, transposeA: true, m: hiddenWidth, n: width, k: count, a: hiddenGradient,
        leadingA: hiddenWidth, b: input, leadingB: width, beta: 1, c: first.gradient, leadingC: width)
    }
  }
}
