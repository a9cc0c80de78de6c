import CKernels
import Compute
import Files

/// Layer normalisation over a token (Ba, Kiros and Hinton, 2016).
public struct LayerNorm: Sendable {
  private let weightBuffer: SharedBuffer<Float>
  private let biasBuffer: SharedBuffer<Float>
  public let epsilon: Float

  init(_ reader: WeightReader, width: Int, epsilon: Float) throws(InputError) {
    weightBuffer = try reader.values("weight", shape: [width])
    biasBuffer = try reader.values("bias", shape: [width])
    self.epsilon = epsilon
  }

  /// What a normalised token is multiplied with, `[D]`.
  public var weight: [Float] { weightBuffer.array }
  /// What is then added, `[D]`.
  public var bias: [Float] { biasBuffer.array }

  /// Normalises `rowCount` tokens, `[rowCount, D]`.
  public func apply(
    _ input: UnsafePointer<Float>, rowCount: Int, into output: UnsafeMutablePointer<Float>
  ) {
    pb_layer_norm(
      input, weightBuffer.pointer, biasBuffer.pointer, epsilon, output, rowCount, weightBuffer.count)
  }

  /// Normalises tokens into operands of a product, rounded to float32 or bfloat16.
  func apply(
    _ input: UnsafePointer<Float>, rowCount: Int, into output: SharedBuffer<UInt8>, as type: ElementType
  ) {
    switch type {
    case .float32:
      apply(
        input, rowCount: rowCount,
        into: UnsafeMutableRawPointer(output.pointer).assumingMemoryBound(to: Float.self))
    default:
      pb_layer_norm_bf16(
        input, weightBuffer.pointer, biasBuffer.pointer, epsilon,
        UnsafeMutableRawPointer(output.pointer).assumingMemoryBound(to: UInt16.self), rowCount,
        weightBuffer.count)
    }
  }
}
