import CKernels
import Compute
import Files

/// A product by OpenBLAS in single precision, with all that follows it in sweeps of our own: the plain way to the same
/// numbers, on any processor.
///
/// Operands in bfloat16 are widened, which is exact, as is every product of two of them.
final class PlainProduct: MatrixProduct {
  private let shape: ProductShape

  init(_ shape: ProductShape) { self.shape = shape }

  /// Room for widened operands and for sums that are rounded afterwards.
  var scratchByteCount: Int {
    4
      * (leftCount.roundedUp + rightCount.roundedUp
        + (shape.result == .float32 ? 0 : shape.rows * shape.columns))
  }

  private var isWidened: Bool { shape.operands != .float32 }
  private var leftCount: Int { isWidened ? shape.rows * shape.depth : 0 }
  private var rightCount: Int {
    if case .weight = shape.right { return 0 }
    return isWidened ? shape.depth * shape.columns : 0
  }

  private final class Weight: PackedWeight {
    /// `[columns, depth]`, rounded to the operands' type.
    let weight: SharedBuffer<Float>
    let bias: SharedBuffer<Float>

    init(weight: SharedBuffer<Float>, bias: SharedBuffer<Float>) {
      self.weight = weight
      self.bias = bias
    }
  }

  func pack(weight: UnsafePointer<Float>, bias: UnsafePointer<Float>) throws(InputError) -> any PackedWeight {
    let count = shape.columns * shape.depth
    let rounded = SharedBuffer<UInt8>(count: count * shape.operands.byteCount)
    shape.operands.encode(weight, into: rounded.pointer, count: count)
    let packed = SharedBuffer<Float>(count: count)
    shape.operands.decode(rounded.pointer, into: packed.pointer, count: count)
    return Weight(
      weight: packed, bias: SharedBuffer(UnsafeBufferPointer(start: bias, count: shape.columns)))
  }

  func run(
    _ a: UnsafeRawPointer, _ b: RightOperand, into c: UnsafeMutableRawPointer,
    scratch: UnsafeMutableRawPointer
  ) {
    let left = scratch.assumingMemoryBound(to: Float.self)
    let right = left + leftCount.roundedUp
    let sums = shape.result == .float32 ? c.assumingMemoryBound(to: Float.self) : right + rightCount.roundedUp
    let sumStride = shape.result == .float32 ? shape.resultStride : shape.columns
    let (a, leftStride) = widened(a, rows: shape.rows, width: shape.depth, stride: shape.leftStride, in: left)
    let transposed = if case .rows = shape.right { false } else { true }
    let (b, rightStride) = rightOperand(b, in: right)
    BLAS.multiply(
      transposeB: transposed, m: shape.rows, n: shape.columns, k: shape.depth, a: a, leadingA: leftStride,
      b: b.matrix, leadingB: rightStride, beta: shape.completion == .add ? 1 : 0, c: sums, leadingC: sumStride
    )
    if let bias = b.bias { complete(sums, bias) }
    if shape.result != .float32 { round(sums, into: c) }
  }

  private func rightOperand(
    _ operand: RightOperand, in scratch: UnsafeMutablePointer<Float>
  ) -> (operand: (matrix: UnsafePointer<Float>, bias: UnsafePointer<Float>?), stride: Int) {
    switch (operand, shape.right) {
    case (.weight(let weight), .weight):
      let weight = unsafeDowncast(weight, to: Weight.self)
      return ((UnsafePointer(weight.weight.pointer), UnsafePointer(weight.bias.pointer)), shape.depth)
    case (.matrix(let matrix), .rows(let stride)):
      let (matrix, stride) = widened(
        matrix, rows: shape.depth, width: shape.columns, stride: stride, in: scratch)
      return ((matrix, nil), stride)
    case (.matrix(let matrix), .columns(let stride)):
      let (matrix, stride) = widened(
        matrix, rows: shape.columns, width: shape.depth, stride: stride, in: scratch)
      return ((matrix, nil), stride)
    default: preconditionFailure("\(operand) is not what a product of \(shape) takes")
    }
  }

  /// The same matrix in single precision, and its stride: as it is, or widened into scratch memory.
  private func widened(
    _ matrix: UnsafeRawPointer, rows: Int, width: Int, stride: Int, in scratch: UnsafeMutablePointer<Float>
  ) -> (UnsafePointer<Float>, Int) {
    guard isWidened else { return (matrix.assumingMemoryBound(to: Float.self), stride) }
    for row in 0..<rows {
      shape.operands.decode(
        matrix + row * stride * shape.operands.byteCount, into: scratch + row * width, count: width)
    }
    return (UnsafePointer(scratch), width)
  }

  /// Only layers have a bias and an activation; their results have no gaps between rows.
  private func complete(_ sums: UnsafeMutablePointer<Float>, _ bias: UnsafePointer<Float>) {
    switch shape.completion {
    case .add, .store(nil): pb_add_bias(sums, bias, shape.rows, shape.columns)
    case .store(.gelu): pb_bias_gelu(sums, bias, shape.rows, shape.columns)
    case .store(.geluTanh): pb_bias_gelu_tanh(sums, bias, shape.rows, shape.columns)
    case .store(.quickGelu): pb_bias_quick_gelu(sums, bias, shape.rows, shape.columns)
    }
  }

  private func round(_ sums: UnsafePointer<Float>, into c: UnsafeMutableRawPointer) {
    for row in 0..<shape.rows {
      shape.result.encode(
        sums + row * shape.columns, into: c + row * shape.resultStride * shape.result.byteCount,
        count: shape.columns)
    }
  }
}

extension Int {
  /// Up to a multiple of 16 floats, so that what follows is aligned to 64 bytes.
  fileprivate var roundedUp: Int { (self + 15) / 16 * 16 }
}
