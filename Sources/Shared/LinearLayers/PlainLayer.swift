import CKernels
import Compute

/// A linear layer by OpenBLAS in single precision, with all that follows in sweeps of our own: the plain way to the same
/// numbers, on any processor.
final class PlainLayer: LinearImplementation {
  private let shape: LinearShape
  /// `[outputWidth, inputWidth]`
  private let weight: SharedBuffer<Float>
  private let bias: SharedBuffer<Float>

  /// - Parameter shape: with operands and result in single precision.
  init(_ shape: LinearShape, weight: SharedBuffer<Float>, bias: SharedBuffer<Float>) {
    precondition(shape.operands == .float32 && shape.result == .float32, "OpenBLAS multiplies no \(shape)")
    self.shape = shape
    self.weight = SharedBuffer(weight.buffer)
    self.bias = SharedBuffer(bias.buffer)
  }

  let scratchByteCount = 0

  func apply(
    _ input: UnsafeRawPointer, into output: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer
  ) {
    let sums = output.assumingMemoryBound(to: Float.self)
    BLAS.multiply(
      transposeB: true, m: shape.rows, n: shape.outputWidth, k: shape.inputWidth,
      a: input.assumingMemoryBound(to: Float.self), leadingA: shape.inputWidth, b: weight.pointer,
      leadingB: shape.inputWidth, beta: shape.completion == .add ? 1 : 0, c: sums,
      leadingC: shape.outputWidth)
    switch shape.completion {
    case .add, .store(nil): pb_add_bias(sums, bias.pointer, shape.rows, shape.outputWidth)
    case .store(.gelu): pb_bias_gelu(sums, bias.pointer, shape.rows, shape.outputWidth)
    case .store(.geluTanh): pb_bias_gelu_tanh(sums, bias.pointer, shape.rows, shape.outputWidth)
    case .store(.quickGelu): pb_bias_quick_gelu(sums, bias.pointer, shape.rows, shape.outputWidth)
    }
  }
}
