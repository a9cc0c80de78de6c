import CKernels
import Compute
import Files

/// A linear layer for a fixed number of rows, its weight packed once. Any number of threads may apply it at once, each on
/// itself alone.
public struct LinearLayer: Sendable {
  private let implementation: any LinearImplementation
  /// Whether operands are widened to single precision, as nobody here multiplies them as they are: right, but no faster.
  public var isWidened: Bool { implementation is WidenedLayer }

  /// - Parameters:
  ///   - weight: `[outputWidth, inputWidth]`
  ///   - bias: `[outputWidth]`
  public init(
    _ shape: LinearShape, weight: SharedBuffer<Float>, bias: SharedBuffer<Float>, engine: LinearEngine
  ) throws(InputError) {
    precondition(
      weight.count == shape.outputWidth * shape.inputWidth && bias.count == shape.outputWidth,
      "\(weight.count) weights and \(bias.count) biases are not those of \(shape)")
    if engine.isMade(for: shape), let layer = try engine.makeLayer(shape, weight, bias) {
      implementation = layer
      return
    }
    implementation = try WidenedLayer(shape, weight: weight) { (shape, weight) throws(InputError) in
      if let layer = try engine.makeLayer(shape, weight, bias) { return layer }
      return PlainLayer(shape, weight: weight, bias: bias)
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
  /// oneDNN: bias, activation and addition fused, in the processor's own bfloat16 where it has one.
  case oneDNN = "onednn"
  /// OpenBLAS in single precision, with the rest in sweeps of our own.
  case openBLAS = "openblas"

  /// Whether it should be asked for a layer as it is. Without the processor's help oneDNN's bfloat16 has a third of
  /// the speed of its single precision.
  fileprivate func isMade(for shape: LinearShape) -> Bool {
    switch self {
    case .openBLAS: shape.operands == .float32 && shape.result == .float32
    case .oneDNN:
      #if arch(x86_64)
        shape.operands == .float32 || pb_cpu_process_level() == PB_CPU_AVX512_BF16
      #else
        true
      #endif
    }
  }

  /// - Returns: nil where the engine offers no such layer on this processor.
  fileprivate func makeLayer(
    _ shape: LinearShape, _ weight: SharedBuffer<Float>, _ bias: SharedBuffer<Float>
  ) throws(InputError) -> (any LinearImplementation)? {
    switch self {
    case .oneDNN: try OneDNNLayer(shape, weight: weight, bias: bias)
    case .openBLAS: PlainLayer(shape, weight: weight, bias: bias)
    }
  }
}
