import Compute

/// The single-head self-attention that AbMILP can have in front of its scores (the seed's `self_attn`, timm's `Attention`
/// with one head, no bias but the last projection's), folded so that no token is projected but once:
///
/// - queries times keys are one bilinear form: x_t Wq^T Wk x_s = x_t M x_s;
/// - values and output projection are linear in the tokens: W = Wp Wv is applied to what attention leaves.
///
/// Products of weights with each other are in single precision always: the folded matrix is what is rounded.
struct AbMILPSelfAttention: Sendable {
  /// [3 D, D]: Wq, Wk, Wv.
  let projections: Parameter
  let output: DenseLayer
  /// M, [D, D], of the parameters as they are.
  let form: SharedBuffer<Float>
  /// W, [D, D]
  let value: SharedBuffer<Float>
  /// The gradients with respect to both, while they are gathered.
  let formGradient: SharedBuffer<Float>
  let valueGradient: SharedBuffer<Float>
  let width: Int

  init(width: Int, products: MatrixProducts, _ generator: inout SeededGenerator) {
    self.width = width
    projections = Parameter("self_attn.qkv.weight", shape: [3 * width, width])
    projections.initialize(fanIn: width, &generator)
    output = DenseLayer(
      "self_attn.proj", inputWidth: width, outputWidth: width, products: products, &generator)
    (form, value) = (SharedBuffer(count: width * width), SharedBuffer(count: width * width))
    (formGradient, valueGradient) = (SharedBuffer(count: width * width), SharedBuffer(count: width * width))
  }

  var parameters: [Parameter] { [projections] + output.parameters }

  /// Where the keys' and the values' projections begin.
  private var key: Int { width * width }
  private var valueProjection: Int { 2 * width * width }

  func fold(_ parallel: Parallel) throws {
    let values = projections.values
    try multiply(values, transposeA: true, values, startB: key, into: form, parallel)
    try multiply(output.weight.values, values, startB: valueProjection, into: value, parallel)
    formGradient.fill(0)
    valueGradient.fill(0)
  }

  /// From the gradients of the folded matrices to those of the parameters.
  func unfold(_ parallel: Parallel) throws {
    let (values, gradient) = (projections.values, projections.gradient)
    try multiply(
      values, startA: key, formGradient, transposeB: true, adding: true, into: gradient, parallel)
    try multiply(values, formGradient, adding: true, into: gradient, startC: key, parallel)
    try multiply(
      output.weight.values, transposeA: true, valueGradient, adding: true, into: gradient,
      startC: valueProjection, parallel)
    try multiply(
      valueGradient, values, startB: valueProjection, transposeB: true, adding: true,
      into: output.weight.gradient, parallel)
  }

  /// c = op(a) op(b), or added to it; all [D, D], from their start on.
  private func multiply(
    _ a: SharedBuffer<Float>, startA: Int = 0, transposeA: Bool = false, _ b: SharedBuffer<Float>,
    startB: Int = 0, transposeB: Bool = false, adding: Bool = false, into c: SharedBuffer<Float>,
    startC: Int = 0, _ parallel: Parallel
  ) throws {
    try BLAS.multiply(
      parallel, transposeA: transposeA, transposeB: transposeB, m: width, n: width, k: width, a: a,
      startA: startA, leadingA: width, b: b, startB: startB, leadingB: width, beta: adding ? 1 : 0, c: c,
      startC: startC, leadingC: width)
  }
}
