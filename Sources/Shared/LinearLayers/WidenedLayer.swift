import Compute
import Files

/// A linear layer of rounded operands by one in single precision, for processors that do not multiply the operands' type.
///
/// The operands are widened, which is exact, as is every product of two bfloat16 values: only the order of sums differs
/// from a processor that does.
final class WidenedLayer: LinearImplementation {
  private let shape: LinearShape
  private let layer: any LinearImplementation

  /// - Parameter make: makes the layer in single precision, from its shape and the rounded weight.
  init(
    _ shape: LinearShape, weight: SharedBuffer<Float>,
    _ make: (LinearShape, SharedBuffer<Float>) throws(InputError) -> any LinearImplementation
  ) throws(InputError) {
    self.shape = shape
    let rounded = SharedBuffer<UInt8>(count: weight.count * shape.operands.byteCount)
    _ = shape.operands.encode(weight.pointer, into: rounded.pointer, count: weight.count)
    let widened = SharedBuffer<Float>(count: weight.count)
    shape.operands.decode(rounded.pointer, into: widened.pointer, count: weight.count)
    var wide = shape
    (wide.operands, wide.result) = (.float32, .float32)
    layer = try make(wide, widened)
  }

  private var inputCount: Int { shape.rows * shape.inputWidth }
  private var outputCount: Int { shape.result == .float32 ? 0 : shape.rows * shape.outputWidth }

  /// Room for the widened input and for sums that are rounded afterwards, and behind them for the layer itself.
  var scratchByteCount: Int { aligned(inputCount) + aligned(outputCount) + layer.scratchByteCount }

  private func aligned(_ count: Int) -> Int { (count * MemoryLayout<Float>.stride + 63) / 64 * 64 }

  func apply(
    _ input: UnsafeRawPointer, into output: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer
  ) {
    let operand = scratch.assumingMemoryBound(to: Float.self)
    shape.operands.decode(input, into: operand, count: inputCount)
    let sums = shape.result == .float32 ? output : scratch + aligned(inputCount)
    layer.apply(operand, into: sums, scratch: scratch + aligned(inputCount) + aligned(outputCount))
    if shape.result != .float32 {
      _ = shape.result.encode(sums.assumingMemoryBound(to: Float.self), into: output, count: outputCount)
    }
  }
}
