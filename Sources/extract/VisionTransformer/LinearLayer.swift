import CKernels
import Compute
import Files

/// A linear layer, `y = x W^T + b`, and what a block does to its output in the same sweep.
///
/// All of the encoder's large matrix products go through here, so that another engine for them has one place to go.
struct LinearLayer: Sendable {
  let inputWidth: Int
  let outputWidth: Int
  /// `[outputWidth, inputWidth]`
  private let weight: SharedBuffer<Float>
  /// `[outputWidth]`
  private let bias: SharedBuffer<Float>

  init(_ reader: WeightReader, inputWidth: Int, outputWidth: Int) throws(InputError) {
    self.init(
      weight: try reader.values("weight", shape: [outputWidth, inputWidth]),
      bias: try reader.values("bias", shape: [outputWidth]))
  }

  /// - Parameters:
  ///   - weight: `[outputWidth, inputWidth]`
  ///   - bias: `[outputWidth]`
  init(weight: SharedBuffer<Float>, bias: SharedBuffer<Float>) {
    self.weight = weight
    self.bias = bias
    outputWidth = bias.count
    inputWidth = weight.count / bias.count
  }

  /// output `[rowCount, outputWidth]` = the layer of input `[rowCount, inputWidth]`
  func apply(_ input: UnsafePointer<Float>, rowCount: Int, into output: UnsafeMutablePointer<Float>) {
    multiply(input, rowCount: rowCount, into: output)
    pb_add_bias(output, bias.pointer, rowCount, outputWidth)
  }

  /// output = activation(the layer of input)
  func apply(
    _ input: UnsafePointer<Float>, rowCount: Int, activation: Activation,
    into output: UnsafeMutablePointer<Float>
  ) {
    multiply(input, rowCount: rowCount, into: output)
    switch activation {
    case .gelu: pb_bias_gelu(output, bias.pointer, rowCount, outputWidth)
    case .geluTanh: pb_bias_gelu_tanh(output, bias.pointer, rowCount, outputWidth)
    case .quickGelu: pb_bias_quick_gelu(output, bias.pointer, rowCount, outputWidth)
    }
  }

  /// residual += scale * (the layer of input)
  ///
  /// - Parameter scratch: room for the layer's output, `[rowCount, outputWidth]`.
  func apply(
    _ input: UnsafePointer<Float>, rowCount: Int, scale: UnsafePointer<Float>,
    addingTo residual: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
  ) {
    multiply(input, rowCount: rowCount, into: scratch)
    pb_add_residual(scratch, bias.pointer, scale, residual, rowCount, outputWidth)
  }

  /// As above; and magnitudes `[rowCount]` = the norm of the layer's output, before the scale, over the norm of the
  /// residual, before the addition, plus 1e-6.
  func apply(
    _ input: UnsafePointer<Float>, rowCount: Int, scale: UnsafePointer<Float>,
    addingTo residual: UnsafeMutablePointer<Float>, magnitudes: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    multiply(input, rowCount: rowCount, into: scratch)
    pb_add_residual_with_magnitudes(
      scratch, bias.pointer, scale, residual, rowCount, outputWidth, magnitudes)
  }

  /// output = x W^T, without the bias
  private func multiply(
    _ input: UnsafePointer<Float>, rowCount: Int, into output: UnsafeMutablePointer<Float>
  ) {
    BLAS.multiply(
      transposeB: true, m: rowCount, n: outputWidth, k: inputWidth, a: input, leadingA: inputWidth,
      b: weight.pointer, leadingB: inputWidth, c: output, leadingC: outputWidth)
  }
}
