import CKernels

extension AbMILPDescription.Activation {
  /// Applies the activation in place.
  func apply(_ values: UnsafeMutablePointer<Float>, count: Int) {
    switch self {
    case .relu: pb_relu(values, count)
    case .tanh: pb_tanh(values, count)
    }
  }

  /// Turns the gradient with respect to the activation's output into the one with respect to its input; both
  /// derivatives are functions of the output alone.
  func multiplyByDerivative(
    _ gradient: UnsafeMutablePointer<Float>, output: UnsafePointer<Float>, count: Int
  ) {
    switch self {
    case .relu: pb_relu_backward(output, gradient, count)
    case .tanh: pb_tanh_backward(output, gradient, count)
    }
  }
}
