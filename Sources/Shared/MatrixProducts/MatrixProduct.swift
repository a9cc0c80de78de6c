import Compute
import Files

/// A product that has been prepared, with the memory of nobody: any number of threads may run it at once, each on
/// itself alone.
public protocol MatrixProduct: Sendable {
  /// The bytes of scratch memory that a run needs, aligned to 64.
  var scratchByteCount: Int { get }

  /// Packs a linear layer's weight for this product.
  ///
  /// - Parameters:
  ///   - weight: `[columns, depth]`
  ///   - bias: `[columns]`
  func pack(weight: UnsafePointer<Float>, bias: UnsafePointer<Float>) throws(InputError) -> any PackedWeight

  /// - Parameters:
  ///   - a: of the shape's operand type.
  ///   - b: likewise, or a weight that this product packed.
  ///   - c: of the shape's result type.
  func run(
    _ a: UnsafeRawPointer, _ b: RightOperand, into c: UnsafeMutableRawPointer,
    scratch: UnsafeMutableRawPointer)
}

/// A weight with its bias, in a form that only the product which packed it knows.
public protocol PackedWeight: AnyObject, Sendable {}

public enum RightOperand {
  case weight(any PackedWeight)
  case matrix(UnsafeRawPointer)
}

/// Who multiplies.
public enum ProductEngine: String, CaseIterable, Sendable {
  /// oneDNN: bias, activation and addition fused, in the processor's own bfloat16 where it has one.
  case oneDNN = "onednn"
  /// OpenBLAS in single precision, with the rest in sweeps of our own. Operands in bfloat16 are widened.
  case openBLAS = "openblas"

  /// Prepares a product.
  ///
  /// What oneDNN does not offer on this processor, such as bfloat16 without AVX-512, OpenBLAS does.
  public func prepare(_ shape: ProductShape) throws(InputError) -> any MatrixProduct {
    if self == .oneDNN, let product = try OneDNNProduct(shape) { return product }
    return PlainProduct(shape)
  }
}
