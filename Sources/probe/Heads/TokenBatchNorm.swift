import Compute

/// Batch norm without affine parameters over all tokens of a batch, every channel over images and tokens, as what is to be
/// folded into projections of the tokens: scale * x + shift.
///
/// Moments are taken in double precision, per image around its own mean, then merged image by image within a group and
/// group by group (Chan, Golub and LeVeque 1983), so that large means cost no digits.
final class TokenBatchNorm: Sendable {
  let statistics: BatchNorm
  let affine: TokenAffine
  private let width: Int
  private let firstToken: Int
  private let tokensPerImage: Int
  /// [groups]: the tokens seen; then [groups, D] each: their mean, and the sum of squared distances from it.
  private let counts: SharedBuffer<Double>
  private let means: SharedBuffer<Double>
  private let squares: SharedBuffer<Double>

  init(_ layout: TokenLayout, content: TokenContent) {
    width = layout.width
    firstToken = layout.firstToken(content)
    tokensPerImage = layout.tokenCount - firstToken
    statistics = BatchNorm(width: width)
    affine = TokenAffine(scale: SharedBuffer(count: width), shift: SharedBuffer(count: width))
    counts = SharedBuffer(count: ImageGroups.limit)
    means = SharedBuffer(count: ImageGroups.limit * width)
    squares = SharedBuffer(count: ImageGroups.limit * width)
  }

  /// Takes an image into the batch's moments.
  func survey(_ image: ImageTokens, group: Int) {
    let moments = image.channelMoments(firstToken: firstToken)
    merge(Double(tokensPerImage), moments.means.pointer, moments.squares.pointer, into: group)
  }

  /// Sets scale and shift: in training from the moments of the images surveyed, which are then forgotten, otherwise from
  /// the running statistics.
  func prepare(training: Bool) {
    if training {
      for group in 1..<ImageGroups.limit where counts[group] > 0 {
        merge(counts[group], means.pointer + group * width, squares.pointer + group * width, into: 0)
      }
      let count = counts[0]
      for channel in 0..<width { squares.pointer[channel] /= count }
      statistics.track(means: means, variances: squares, count: Int(count))
      set { (means.pointer[$0], squares.pointer[$0]) }
      counts.fill(0)
    } else {
      set { (Double(statistics.runningMean.pointer[$0]), Double(statistics.runningVariance.pointer[$0])) }
    }
  }

  private func set(_ moments: (_ channel: Int) -> (mean: Double, variance: Double)) {
    for channel in 0..<width {
      let (mean, variance) = moments(channel)
      let scale = 1 / (variance + Double(statistics.epsilon)).squareRoot()
      affine.scale.pointer[channel] = Float(scale)
      affine.shift.pointer[channel] = Float(-mean * scale)
    }
  }

  private func merge<Number: BinaryFloatingPoint>(
    _ count: Double, _ newMeans: UnsafePointer<Number>, _ newSquares: UnsafePointer<Number>, into group: Int
  ) {
    let total = counts[group] + count
    let (share, weight) = (count / total, counts[group] * count / total)
    let (mean, square) = (means.pointer + group * width, squares.pointer + group * width)
    if counts[group] == 0 {
      mean.update(repeating: 0, count: width)
      square.update(repeating: 0, count: width)
    }
    for channel in 0..<width {
      let distance = Double(newMeans[channel]) - mean[channel]
      mean[channel] += share * distance
      square[channel] += Double(newSquares[channel]) + weight * distance * distance
    }
    counts[group] = total
  }
}
