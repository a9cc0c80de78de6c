import Compute
import Tensors

/// A trained array and the gradient of the loss with respect to it.
public final class Parameter: Sendable {
  /// The name in a state dictionary of the head.
  public let name: String
  public let shape: [Int]
  public let values: SharedBuffer<Float>
  public let gradient: SharedBuffer<Float>

  public var count: Int { values.count }

  public init(_ name: String, shape: [Int]) {
    self.name = name
    self.shape = shape
    values = SharedBuffer(count: shape.reduce(1, *))
    gradient = SharedBuffer(count: shape.reduce(1, *))
  }

  /// Draws from U(-b, b) with b = 1 / sqrt(fanIn), as PyTorch's `nn.Linear` does for its weight and its bias.
  func initialize(fanIn: Int, _ generator: inout SeededGenerator) {
    initialize(bound: 1 / Double(fanIn).squareRoot(), &generator)
  }

  /// Draws from U(-bound, bound).
  func initialize(bound: Double, _ generator: inout SeededGenerator) {
    for index in 0..<count { values.pointer[index] = Float(generator.uniform(-bound, bound)) }
  }

  /// Draws from a normal distribution around 0.
  func initialize(deviation: Double, _ generator: inout SeededGenerator) {
    for index in 0..<count { values.pointer[index] = Float(deviation * generator.normal()) }
  }

  /// Draws from N(0, deviation^2), again where a number lies outside -bound ... bound, which is 2 in PyTorch's
  /// `trunc_normal_`.
  func initialize(
    truncatedNormal deviation: Double, bound: Double = 2, _ generator: inout SeededGenerator
  ) {
    for index in 0..<count {
      var value: Double
      repeat { value = deviation * generator.normal() } while abs(value) > bound
      values.pointer[index] = Float(value)
    }
  }
}

/// How the weight `[output, input]` and the bias `[output]` of a linear layer start.
package enum Initialization: Sendable {
  /// Both from U(-b, b) with b = 1 / sqrt(input): PyTorch's `nn.Linear`.
  case uniform
  /// The weight from N(0, deviation^2), without what lies outside -2 ... 2 (`nn.init.trunc_normal_`); the bias zero.
  case truncatedNormal(deviation: Double)

  func fill(
    weight: Parameter, bias: Parameter?, inputWidth: Int, _ generator: inout SeededGenerator
  ) {
    switch self {
    case .uniform:
      weight.initialize(fanIn: inputWidth, &generator)
      bias?.initialize(fanIn: inputWidth, &generator)
    case .truncatedNormal(let deviation): weight.initialize(truncatedNormal: deviation, &generator)
    }
  }
}
