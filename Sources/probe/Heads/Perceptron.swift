import Compute

/// The two linear layers of a Transformer block with the exact GELU between them, over rows: W2 gelu(W1 x + b1) + b2, with
/// 4 W hidden units (timm's `Mlp`).
struct Perceptron: Sendable {
  static let expansion = 4

  let first: DenseLayer
  let second: DenseLayer
  /// [M, 4 W] each.
  private let before: SharedBuffer<Float>
  private let after: SharedBuffer<Float>
  private let hiddenGradient: SharedBuffer<Float>

  /// - Parameters:
  ///   - name: of the perceptron in a state dictionary.
  ///   - rowCount: the most rows.
  init(
    _ name: String, width: Int, rowCount: Int, initialization: Initialization = .uniform,
    products: MatrixProducts, _ generator: inout SeededGenerator
  ) {
    let hidden = Self.expansion * width
    first = DenseLayer(
      name + ".fc1", inputWidth: width, outputWidth: hidden, initialization: initialization,
      products: products,
      &generator)
    second = DenseLayer(
      name + ".fc2", inputWidth: hidden, outputWidth: width, initialization: initialization,
      products: products,
      &generator)
    (before, after) = (SharedBuffer(count: rowCount * hidden), SharedBuffer(count: rowCount * hidden))
    hiddenGradient = SharedBuffer(count: rowCount * hidden)
  }

  var parameters: [Parameter] { first.parameters + second.parameters }

  /// - Parameters:
  ///   - input: [M, W]
  ///   - count: M
  ///   - output: receives [M, W].
  func forward(
    _ input: SharedBuffer<Float>, count: Int, into output: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    try first.forward(input, count: count, into: before, parallel)
    try GELU.forward(before, count: count * first.outputWidth, into: after, parallel)
    try second.forward(after, count: count, into: output, parallel)
  }

  /// The way back of the last `forward`; adds to the parameters' gradients.
  ///
  /// - Parameters:
  ///   - input: [M, W], as `forward` saw it.
  ///   - outputGradient: [M, W]
  ///   - inputGradient: receives [M, W].
  ///   - adding: whether the input's gradient is added to what is there.
  func backward(
    _ input: SharedBuffer<Float>, outputGradient: SharedBuffer<Float>, count: Int,
    into inputGradient: SharedBuffer<Float>, adding: Bool = false, _ parallel: Parallel
  ) throws {
    try second.backward(
      after, outputGradient: outputGradient, count: count, into: hiddenGradient, parallel)
    try GELU.backward(hiddenGradient, input: before, count: count * first.outputWidth, parallel)
    try first.backward(
      input, outputGradient: hiddenGradient, count: count, into: inputGradient, adding: adding, parallel)
  }
}
