import CKernels
import Compute

/// Layer normalisation over rows, with affine parameters (Ba et al. 2016; PyTorch's `nn.LayerNorm`).
///
/// Nothing is kept between forward and backward, which takes a row's mean and variance again while the row is in the
/// first-level cache. Not safe for use by two callers at once.
package struct LayerNormLayer: Sendable {
  private static let rowsPerChunk = 32

  package let width: Int
  package let epsilon: Float
  /// [W], at first 1.
  package let weight: Parameter
  /// [W], at first 0.
  package let bias: Parameter
  /// [groups, 2, W]: each group's gradients of weight and bias.
  private let partialGradients: SharedBuffer<Double>

  /// - Parameter name: of the layer in a state dictionary; its parameters are `name.weight` and `name.bias`.
  package init(_ name: String, width: Int, epsilon: Float = 1e-5) {
    self.init(
      weight: Parameter(name + ".weight", shape: [width]), bias: Parameter(name + ".bias", shape: [width]),
      epsilon: epsilon)
  }

  /// - Parameters:
  ///   - weight: [W], filled with 1 here.
  ///   - bias: [W]
  package init(weight: Parameter, bias: Parameter, epsilon: Float = 1e-5) {
    width = weight.count
    self.epsilon = epsilon
    weight.values.fill(1)
    self.weight = weight
    self.bias = bias
    partialGradients = SharedBuffer(count: ImageGroups.limit * 2 * width)
  }

  package var parameters: [Parameter] { [weight, bias] }

  /// - Parameters:
  ///   - input: [M, W]
  ///   - count: M
  ///   - output: receives [M, W]; not the input itself.
  package func forward(
    _ input: SharedBuffer<Float>, count: Int, into output: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    try parallel.forEachChunk(of: count, length: Self.rowsPerChunk) { _, rows, _ in
      let start = rows.lowerBound * width
      pb_layer_norm(
        input.pointer + start, weight.values.pointer, bias.values.pointer, epsilon, output.pointer + start,
        rows.count, width)
    }
  }

  /// Adds to the parameters' gradients and passes the gradient on.
  ///
  /// - Parameters:
  ///   - input: [M, W], as `forward` saw it.
  ///   - outputGradient: [M, W]
  ///   - count: M
  ///   - inputGradient: receives [M, W]; not the output's gradient itself.
  ///   - adding: whether the input's gradient is added to what is there.
  package func backward(
    _ input: SharedBuffer<Float>, outputGradient: SharedBuffer<Float>, count: Int,
    into inputGradient: SharedBuffer<Float>, adding: Bool = false, _ parallel: Parallel
  ) throws {
    let groups = ImageGroups(imageCount: count)
    try parallel.forEach(groups.count) { group, _ in
      let rows = groups[group]
      let partial = partialGradients.pointer + group * 2 * width
      partial.update(repeating: 0, count: 2 * width)
      let start = rows.lowerBound * width
      pb_layer_norm_backward(
        input.pointer + start, weight.values.pointer, epsilon, outputGradient.pointer + start,
        inputGradient.pointer + start, adding ? 1 : 0, partial, partial + width, rows.count, width)
    }
    addPartialGradients(groups.count)
  }

  /// The first group's part becomes the sum.
  private func addPartialGradients(_ groups: Int) {
    let sums = partialGradients.pointer
    for group in 1..<max(1, groups) {
      let partial = sums + group * 2 * width
      for index in 0..<2 * width { sums[index] += partial[index] }
    }
    guard groups > 0 else { return }
    for index in 0..<width {
      weight.gradient.pointer[index] += Float(sums[index])
      bias.gradient.pointer[index] += Float(sums[width + index])
    }
  }
}
