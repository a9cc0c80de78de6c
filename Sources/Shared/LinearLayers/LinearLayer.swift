import Compute
import Files

/// A linear layer for a fixed number of rows, its weight packed once. Any number of threads may apply it at once, each on
/// itself alone.
public struct LinearLayer: Sendable {
  private let implementation: any LinearImplementation
  /// Who multiplies: not the one that was asked for, where that one does not offer it.
  public let engine: LinearEngine

  /// - Parameters:
  ///   - weight: `[outputWidth, inputWidth]`
  ///   - bias: `[outputWidth]`
  public init(
    _ shape: LinearShape, weight: SharedBuffer<Float>, bias: SharedBuffer<Float>, engine: LinearEngine
  ) throws(InputError) {
    precondition(
      weight.count == shape.outputWidth * shape.inputWidth && bias.count == shape.outputWidth,
      "\(weight.count) weights and \(bias.count) biases are not those of \(shape)")
    if engine == .oneDNN, let layer = try OneDNNLayer(shape, weight: weight, bias: bias) {
      implementation = layer
      self.engine = .oneDNN
    } else {
      implementation = PlainLayer(shape, weight: weight, bias: bias)
      self.engine = .openBLAS
    }
  }

  /// The bytes of scratch memory that it needs, aligned to 64.
  public var scratchByteCount: Int { implementation.scratchByteCount }

  /// - Parameters:
  ///   - input: `[rows, inputWidth]`, of the shape's operand type.
  ///   - output: `[rows, outputWidth]`, of the shape's result type.
  public func apply(
    _ input: UnsafeRawPointer, into output: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer
  ) {
    implementation.apply(input, into: output, scratch: scratch)
  }
}

protocol LinearImplementation: AnyObject, Sendable {
  var scratchByteCount: Int { get }
  func apply(
    _ input: UnsafeRawPointer, into output: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer)
}

/// Who multiplies.
public enum LinearEngine: String, CaseIterable, Sendable {
  /// oneDNN: bias, activation and addition fused, in the processor's own bfloat16 where it has one. What it does not offer
  /// on a processor, such as bfloat16 without AVX-512, is left to OpenBLAS.
  case oneDNN = "onednn"
  /// OpenBLAS in single precision, with the rest in sweeps of our own. Operands in bfloat16 are widened.
  case openBLAS = "openblas"
}
