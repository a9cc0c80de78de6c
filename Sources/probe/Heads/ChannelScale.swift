import Compute

/// A learned factor for each channel, over rows: LayerScale (Touvron et al. 2021), and the scale of a layer norm.
struct ChannelScale: Sendable {
  /// [W]
  let weight: Parameter
  private let parts: GroupSums

  init(_ weight: Parameter) {
    self.weight = weight
    parts = GroupSums(count: weight.count)
  }

  /// output = weight * input
  ///
  /// - Parameters:
  ///   - input: [M, W]
  ///   - count: M
  ///   - output: receives [M, W]; may be the input itself.
  func forward(
    _ input: SharedBuffer<Float>, count: Int, into output: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    let (width, factors) = (weight.count, weight.values)
    try parallel.forEachChunk(of: count, length: Rows.perChunk) { _, rows, _ in
      for row in rows {
        let (from, to) = (input.pointer + row * width, output.pointer + row * width)
        for channel in 0..<width { to[channel] = factors.pointer[channel] * from[channel] }
      }
    }
  }

  /// Adds to the weight's gradient and passes the gradient on.
  ///
  /// - Parameters:
  ///   - input: [M, W], as `forward` saw it.
  ///   - outputGradient: [M, W]
  ///   - inputGradient: receives [M, W]; may be the input itself, or the output's gradient.
  func backward(
    _ input: SharedBuffer<Float>, outputGradient: SharedBuffer<Float>, count: Int,
    into inputGradient: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    let width = weight.count
    let groups = ImageGroups(imageCount: count)
    try parallel.forEach(groups.count) { group, _ in
      parts.clear(group)
      let (sums, factors) = (parts.partial(group), weight.values.pointer)
      for row in groups[group] {
        let (value, slope) = (input.pointer + row * width, outputGradient.pointer + row * width)
        let out = inputGradient.pointer + row * width
        for channel in 0..<width { sums[channel] += slope[channel] * value[channel] }
        for channel in 0..<width { out[channel] = slope[channel] * factors[channel] }
      }
    }
    let total = try parts.total(groupCount: groups.count, parallel)
    for channel in 0..<width { weight.gradient.pointer[channel] += total[channel] }
  }
}
