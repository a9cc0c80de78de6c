import Foundation

extension AbMILPDescription.Activation {
  /// Applies the activation in place.
  func apply(_ values: UnsafeMutablePointer<Float>, count: Int) {
    switch self {
    case .relu: for index in 0..<count { values[index] = max(0, values[index]) }
    case .tanh: for index in 0..<count { values[index] = tanhf(values[index]) }
    }
  }

  /// Turns the gradient with respect to the activation's output into the one with respect to its input; both
  /// derivatives are functions of the output alone.
  func multiplyByDerivative(
    _ gradient: UnsafeMutablePointer<Float>, output: UnsafePointer<Float>, count: Int
  ) {
    switch self {
    case .relu: for index in 0..<count where output[index] <= 0 { gradient[index] = 0 }
    case .tanh: for index in 0..<count { gradient[index] *= 1 - output[index] * output[index] }
    }
  }
}
