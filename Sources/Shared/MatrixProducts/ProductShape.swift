import Compute

/// A matrix product of fixed shape, and what is done to its result: `c = activation(a b + bias)`, or `c += a b + bias`.
///
/// `a` is `[rows, depth]`, `b` `[depth, columns]`, the bias `[columns]` and `c` `[rows, columns]`. Strides are elements
/// from one stored row to the next. Sums and the bias are in single precision.
public struct ProductShape: Hashable, Sendable {
  /// What happens to the sums.
  public enum Completion: Hashable, Sendable {
    case store(Activation?)
    /// They are added to what `c` holds, in single precision.
    case add
  }

  /// How `b` lies in memory.
  public enum RightLayout: Hashable, Sendable {
    /// A linear layer's weight, packed once, with a bias.
    case weight
    /// Rows of `b`.
    case rows(stride: Int)
    /// Rows of `b`'s transpose, `[columns, depth]`, as a head's keys are.
    case columns(stride: Int)
  }

  public var rows: Int
  public var depth: Int
  public var columns: Int
  /// The type of `a` and `b`: float32 or bfloat16.
  public var operands: ElementType
  /// The type of `c`: float32, or as `operands`.
  public var result: ElementType
  public var leftStride: Int
  public var right: RightLayout
  public var resultStride: Int
  public var completion: Completion

  /// A linear layer over `rows` tokens: `c = activation(a W^T + bias)`.
  public static func linear(
    rows: Int, inputWidth: Int, outputWidth: Int, operands: ElementType, result: ElementType,
    completion: Completion = .store(nil)
  ) -> ProductShape {
    ProductShape(
      rows: rows, depth: inputWidth, columns: outputWidth, operands: operands, result: result,
      leftStride: inputWidth, right: .weight, resultStride: outputWidth, completion: completion)
  }

  public init(
    rows: Int, depth: Int, columns: Int, operands: ElementType, result: ElementType, leftStride: Int,
    right: RightLayout, resultStride: Int, completion: Completion = .store(nil)
  ) {
    for type in [operands, result] {
      precondition(type == .float32 || type == .bfloat16, "no product takes or gives \(type)")
    }
    precondition(completion != .add || result == .float32, "sums are added in single precision")
    self.rows = rows
    self.depth = depth
    self.columns = columns
    self.operands = operands
    self.result = result
    self.leftStride = leftStride
    self.right = right
    self.resultStride = resultStride
    self.completion = completion
  }
}

/// An elementwise function after a product.
public enum Activation: String, Codable, CaseIterable, Sendable {
  /// `x * Phi(x)` with the exact normal distribution function: timm's and MAE's choice.
  case gelu
  /// The tanh approximation of GELU (Hendrycks and Gimpel, 2016).
  case geluTanh
  /// `x * sigmoid(1.702 x)`: OpenAI CLIP's choice.
  case quickGelu
}
