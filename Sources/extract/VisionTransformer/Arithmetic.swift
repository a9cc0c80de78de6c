import Compute
import Files
import LinearLayers

/// How an encoder multiplies.
///
/// Only the operands of matrix products are rounded. Sums, biases, norms, softmax, statistics and the residual stream are
/// in single precision always.
public struct Arithmetic: Hashable, Sendable {
  /// The type of the products' operands: float32 or bfloat16.
  public let operands: ElementType
  public let engine: LinearEngine

  public static let float32 = Arithmetic(operands: .float32)
  public static let bfloat16 = Arithmetic(operands: .bfloat16)

  public init(operands: ElementType, engine: LinearEngine = .oneDNN) {
    precondition(operands == .float32 || operands == .bfloat16, "no encoder multiplies \(operands)")
    self.operands = operands
    self.engine = engine
  }

  /// A linear layer over an image's tokens or patches.
  ///
  /// - Parameters:
  ///   - weight: `[outputWidth, inputWidth]`
  ///   - bias: `[outputWidth]`
  ///   - result: the type of its output.
  func linearLayer(
    weight: SharedBuffer<Float>, bias: SharedBuffer<Float>, rows: Int, result: ElementType,
    completion: LinearShape.Completion = .store(nil)
  ) throws(InputError) -> LinearLayer {
    try LinearLayer(
      LinearShape(
        rows: rows, inputWidth: weight.count / bias.count, outputWidth: bias.count, operands: operands,
        result: result, completion: completion), weight: weight, bias: bias, engine: engine)
  }
}
