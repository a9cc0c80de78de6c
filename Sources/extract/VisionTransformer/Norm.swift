import CKernels
import Compute
import Files

/// A normalisation of every token by itself, with a learned weight and bias.
public struct Norm: Sendable {
  public enum Kind: String, Codable, CaseIterable, Sendable {
    /// By mean and standard deviation (Ba, Kiros and Hinton, 2016).
    case layer
    /// By the root of the mean square, without a bias (Zhang and Sennrich, 2019).
    case rootMeanSquare
  }

  public let kind: Kind
  private let weightBuffer: SharedBuffer<Float>
  private let biasBuffer: SharedBuffer<Float>
  public let epsilon: Float

  /// - Parameter width: the length of what is normalised.
  init(_ reader: WeightReader, _ configuration: EncoderConfiguration, width: Int) throws(InputError) {
    kind = configuration.parts.normKind
    weightBuffer = try reader.values("weight", shape: [width])
    biasBuffer = try reader.bias(kind == .layer, count: width)
    epsilon = configuration.layerNormEpsilon
  }

  /// What a normalised token is multiplied with, `[D]`.
  public var weight: [Float] { weightBuffer.array }
  /// What is then added, `[D]`.
  public var bias: [Float] { biasBuffer.array }

  /// Makes all that it gives so many times as large.
  func scale(by factor: Float) {
    for index in 0..<weightBuffer.count {
      weightBuffer.pointer[index] *= factor
      biasBuffer.pointer[index] *= factor
    }
  }

  /// Changes the order of the values that it is going to be given: value i comes to stand at `place(i)`.
  func rearrange(_ place: (Int) -> Int) {
    let (weight, bias) = (weight, bias)
    for index in 0..<weight.count {
      weightBuffer.pointer[place(index)] = weight[index]
      biasBuffer.pointer[place(index)] = bias[index]
    }
  }

  /// Normalises `rowCount` rows, `[rowCount, width]`.
  public func apply(
    _ input: UnsafePointer<Float>, rowCount: Int, into output: UnsafeMutablePointer<Float>
  ) {
    let width = weightBuffer.count
    switch kind {
    case .layer:
      pb_layer_norm(input, weightBuffer.pointer, biasBuffer.pointer, epsilon, output, rowCount, width)
    case .rootMeanSquare:
      pb_rms_norm(input, weightBuffer.pointer, epsilon, output, rowCount, width)
    }
  }

  /// Normalises rows into operands of a product, rounded to float32 or bfloat16.
  func apply(
    _ input: UnsafePointer<Float>, rowCount: Int, into output: SharedBuffer<UInt8>, as type: ElementType
  ) {
    let output = UnsafeMutableRawPointer(output.pointer)
    guard type == .bfloat16 else {
      return apply(input, rowCount: rowCount, into: output.assumingMemoryBound(to: Float.self))
    }
    let rounded = output.assumingMemoryBound(to: UInt16.self)
    let width = weightBuffer.count
    switch kind {
    case .layer:
      pb_layer_norm_bf16(input, weightBuffer.pointer, biasBuffer.pointer, epsilon, rounded, rowCount, width)
    case .rootMeanSquare:
      pb_rms_norm_bf16(input, weightBuffer.pointer, epsilon, rounded, rowCount, width)
    }
  }

  /// Normalises rows where they are.
  func apply(inPlace rows: UnsafeMutablePointer<Float>, rowCount: Int) {
    pb_normalize_rows(
      rows, weightBuffer.pointer, biasBuffer.pointer, epsilon, kind == .layer ? 1 : 0, rowCount,
      weightBuffer.count)
  }
}
