import Compute
import MatrixProducts

/// How an encoder multiplies.
///
/// Only the operands of matrix products are rounded. Sums, biases, norms, softmax, statistics and the residual stream are
/// in single precision always.
public struct Arithmetic: Hashable, Sendable {
  /// The type of the products' operands: float32 or bfloat16.
  public let operands: ElementType
  public let engine: ProductEngine

  public static let float32 = Arithmetic(operands: .float32)
  public static let bfloat16 = Arithmetic(operands: .bfloat16)

  public init(operands: ElementType, engine: ProductEngine = .oneDNN) {
    precondition(operands == .float32 || operands == .bfloat16, "no encoder multiplies \(operands)")
    self.operands = operands
    self.engine = engine
  }
}
