import Compute

/// A linear layer over rows (PyTorch's `nn.Linear`): `output = input * weight^T + bias`.
///
/// Rows are whatever the caller has many of: images, tokens, queries. Nothing is kept between forward and backward.
package struct DenseLayer: Sendable {
  package let inputWidth: Int
  package let outputWidth: Int
  /// [output, input]
  package let weight: Parameter
  /// [output]
  package let bias: Parameter?
  private let products: MatrixProducts

  /// - Parameters:
  ///   - name: of the layer in a state dictionary; its parameters are `name.weight` and `name.bias`.
  ///   - products: how it multiplies.
  ///   - generator: draws the initial values: the weight's, then the bias's.
  package init(
    _ name: String, inputWidth: Int, outputWidth: Int, hasBias: Bool = true,
    initialization: Initialization = .uniform, products: MatrixProducts, _ generator: inout SeededGenerator
  ) {
    self.inputWidth = inputWidth
    self.outputWidth = outputWidth
    self.products = products
    weight = Parameter(name + ".weight", shape: [outputWidth, inputWidth])
    bias = hasBias ? Parameter(name + ".bias", shape: [outputWidth]) : nil
    initialization.fill(weight: weight, bias: bias, inputWidth: inputWidth, &generator)
  }

  package var parameters: [Parameter] { [weight] + (bias.map { [$0] } ?? []) }

  /// - Parameters:
  ///   - input: [M, input]
  ///   - count: M
  ///   - output: receives [M, output].
  package func forward(
    _ input: SharedBuffer<Float>, count: Int, into output: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    try products.multiply(
      parallel, transposeB: true, m: count, n: outputWidth, k: inputWidth, a: input, leadingA: inputWidth,
      b: weight.values, leadingB: inputWidth, bias: bias?.values, c: output, leadingC: outputWidth)
  }

  /// Adds to the parameters' gradients and passes the gradient on.
  ///
  /// - Parameters:
  ///   - input: [M, input], as `forward` saw it.
  ///   - outputGradient: [M, output]
  ///   - count: M
  ///   - inputGradient: receives [M, input]; nil where nobody asks for it.
  ///   - adding: whether the input's gradient is added to what is there.
  package func backward(
    _ input: SharedBuffer<Float>, outputGradient: SharedBuffer<Float>, count: Int,
    into inputGradient: SharedBuffer<Float>?, adding: Bool = false, _ parallel: Parallel
  ) throws {
    try products.multiply(
      parallel, transposeA: true, m: outputWidth, n: inputWidth, k: count, a: outputGradient,
      leadingA: outputWidth, b: input, leadingB: inputWidth, beta: 1, c: weight.gradient, leadingC: inputWidth
    )
    if let bias { try Rows.addSum(of: outputGradient, count: count, to: bias.gradient, parallel) }
    guard let inputGradient else { return }
    try products.multiply(
      parallel, m: count, n: inputWidth, k: outputWidth, a: outputGradient, leadingA: outputWidth,
      b: weight.values, leadingB: inputWidth, beta: adding ? 1 : 0, c: inputGradient, leadingC: inputWidth)
  }
}
