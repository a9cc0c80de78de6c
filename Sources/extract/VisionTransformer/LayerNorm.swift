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
}
