import Compute

/// The single-head self-attention that AbMILP can have in front of its scores (the seed's `self_attn`, timm's `Attention`
/// with one head, no bias but the last projection's), folded so that no token is projected but once:
///
/// - queries times keys are one bilinear form: x_t Wq^T Wk x_s = x_t M x_s;
/// - values and output projection are linear in the tokens: W = Wp Wv is applied to what attention leaves.
struct AbMILPSelfAttention: Sendable {
  /// [3 D, D]: Wq, Wk, Wv.
  let projections: Parameter
  let output: LinearParameters
  /// M, [D, D], of the parameters as they are.
  let form: SharedBuffer<Float>
  /// W, [D, D]
  let value: SharedBuffer<Float>
  /// The gradients with respect to both, while they are gathered.
  let formGradient: SharedBuffer<Float>
  let valueGradient: SharedBuffer<Float>
  let width: Int

  init(width: Int, _ generator: inout SeededGenerator) {
    self.width = width
    projections = Parameter("self_attn.qkv.weight", shape: [3 * width, width])
    projections.initialize(fanIn: width, &generator)
    output = LinearParameters("self_attn.proj", inputWidth: width, outputWidth: width, &generator)
    (form, value) = (SharedBuffer(count: width * width), SharedBuffer(count: width * width))
    (formGradient, valueGradient) = (SharedBuffer(count: width * width), SharedBuffer(count: width * width))
  }

  var parameters: [Parameter] { [projections, output.weight, output.bias] }

  private func block(_ buffer: SharedBuffer<Float>, _ index: Int) -> UnsafeMutablePointer<Float> {
    buffer.pointer + index * width * width
  }

  func fold(_ parallel: Parallel) throws {
    let (query, key, values) = (
      block(projections.values, 0), block(projections.values, 1), block(projections.values, 2)
    )
    try product(form.pointer, query, transposeA: true, key, parallel)
    try product(value.pointer, output.weight.values.pointer, values, parallel)
    formGradient.fill(0)
    valueGradient.fill(0)
  }

  /// From the gradients of the folded matrices to those of the parameters.
  func unfold(_ parallel: Parallel) throws {
    let (query, key, values) = (
      block(projections.values, 0), block(projections.values, 1), block(projections.values, 2)
    )
    let gradient = projections.gradient
    try product(
      block(gradient, 0), key, formGradient.pointer, transposeB: true, adding: true, parallel)
    try product(block(gradient, 1), query, formGradient.pointer, adding: true, parallel)
    try product(
      block(gradient, 2), output.weight.values.pointer, transposeA: true, valueGradient.pointer, adding: true,
      parallel)
    try product(
      output.weight.gradient.pointer, valueGradient.pointer, values, transposeB: true, adding: true, parallel)
  }

  /// c = op(a) op(b), or added to it; all [D, D].
  private func product(
    _ c: UnsafeMutablePointer<Float>, _ a: UnsafePointer<Float>, transposeA: Bool = false,
    _ b: UnsafePointer<Float>, transposeB: Bool = false, adding: Bool = false, _ parallel: Parallel
  ) throws {
    nonisolated(unsafe) let (c, a, b) = (c, a, b)
    try parallel.forEachChunk(of: width, length: 64) { _, rows, _ in
      BLAS.multiply(
        transposeA: transposeA, transposeB: transposeB, m: rows.count, n: width, k: width,
        a: a + rows.lowerBound * (transposeA ? 1 : width), leadingA: width, b: b, leadingB: width,
        beta: adding ? 1 : 0, c: c + rows.lowerBound * width, leadingC: width)
    }
  }
}
