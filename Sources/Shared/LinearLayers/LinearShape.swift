import Compute

/// What a linear layer takes and gives: `output = activation(input W^T + bias)`, or that sum added to what is there.
///
/// Sums and the bias are in single precision, whatever the operands are.
public struct LinearShape: Hashable, Sendable {
  /// What happens to the sums.
  public enum Completion: Hashable, Sendable {
    case store(Activation?)
    /// They are added to what the output holds, in single precision.
    case add
  }

  public var rows: Int
  public var inputWidth: Int
  public var outputWidth: Int
  /// The type of the input and the weight: float32 or bfloat16.
  public var operands: ElementType
  /// The type of the output: float32 or bfloat16.
  public var result: ElementType
  public var completion: Completion

  public init(
    rows: Int, inputWidth: Int, outputWidth: Int, operands: ElementType, result: ElementType,
    completion: Completion = .store(nil)
  ) {
    for type in [operands, result] {
      precondition(type == .float32 || type == .bfloat16, "no linear layer takes or gives \(type)")
    }
    precondition(completion != .add || result == .float32, "sums are added in single precision")
    self.rows = rows
    self.inputWidth = inputWidth
    self.outputWidth = outputWidth
    self.operands = operands
    self.result = result
    self.completion = completion
  }
}

/// An elementwise function after a linear layer.
public enum Activation: String, Codable, CaseIterable, Sendable {
  /// `x * Phi(x)` with the exact normal distribution function: timm's and MAE's choice.
  case gelu
  /// The tanh approximation of GELU (Hendrycks and Gimpel, 2016).
  case geluTanh
  /// `x * sigmoid(1.702 x)`: OpenAI CLIP's choice.
  case quickGelu
}
