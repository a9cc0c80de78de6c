import CKernels
import Compute

/// A linear layer by OpenBLAS in single precision, with all that follows in sweeps of our own: the plain way to the same
/// numbers, on any processor.
///
/// Operands in bfloat16 are widened, which is exact, as is every product of two of them.
final class PlainLayer: LinearImplementation {
  private let shape: LinearShape
  /// `[outputWidth, inputWidth]`, rounded to the operands' type.
  private let weight: SharedBuffer<Float>
  private let bias: SharedBuffer<Float>

  init(_ shape: LinearShape, weight: SharedBuffer<Float>, bias: SharedBuffer<Float>) {
    self.shape = shape
    self.bias = SharedBuffer(bias.buffer)
    let rounded = SharedBuffer<UInt8>(count: weight.count * shape.operands.byteCount)
    shape.operands.encode(weight.pointer, into: rounded.pointer, count: weight.count)
    self.weight = SharedBuffer(count: weight.count)
    shape.operands.decode(rounded.pointer, into: self.weight.pointer, count: weight.count)
  }

  private var inputCount: Int { shape.rows * shape.inputWidth }
  private var outputCount: Int { shape.rows * shape.outputWidth }

  /// Room for the widened input, and for sums that are rounded afterwards.
  var scratchByteCount: Int {
    MemoryLayout<Float>.stride
      * ((shape.operands == .float32 ? 0 : inputCount) + (shape.result == .float32 ? 0 : outputCount))
  }

  func apply(
    _ input: UnsafeRawPointer, into output: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer
  ) {
    var scratch = scratch.assumingMemoryBound(to: Float.self)
    var operand = input.assumingMemoryBound(to: Float.self)
    if shape.operands != .float32 {
      shape.operands.decode(input, into: scratch, count: inputCount)
      operand = UnsafePointer(scratch)
      scratch += inputCount
    }
    let sums = shape.result == .float32 ? output.assumingMemoryBound(to: Float.self) : scratch
    BLAS.multiply(
      transposeB: true, m: shape.rows, n: shape.outputWidth, k: shape.inputWidth, a: operand,
      leadingA: shape.inputWidth, b: weight.pointer, leadingB: shape.inputWidth,
      beta: shape.completion == .add ? 1 : 0, c: sums, leadingC: shape.outputWidth)
    complete(sums)
    if shape.result != .float32 { shape.result.encode(sums, into: output, count: outputCount) }
  }

  private func complete(_ sums: UnsafeMutablePointer<Float>) {
    switch shape.completion {
    case .add, .store(nil): pb_add_bias(sums, bias.pointer, shape.rows, shape.outputWidth)
    case .store(.gelu): pb_bias_gelu(sums, bias.pointer, shape.rows, shape.outputWidth)
    case .store(.geluTanh): pb_bias_gelu_tanh(sums, bias.pointer, shape.rows, shape.outputWidth)
    case .store(.quickGelu): pb_bias_quick_gelu(sums, bias.pointer, shape.rows, shape.outputWidth)
    }
  }
}
