import CKernels
import Compute
import Foundation
import TestSupport
import Testing

/// Activations and their derivatives against the mathematics library in double precision.
@Suite struct ElementwiseKernelTests {
  struct Function: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let kernel: @Sendable (UnsafeMutablePointer<Float>, Int) -> Void
    let backward: @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void
    let reference: @Sendable (Double) -> Double
    /// Of the input.
    let derivative: @Sendable (Double) -> Double
  }

  static let functions = [
    Function(
      testDescription: "relu", kernel: pb_relu, backward: pb_relu_backward, reference: { max(0, $0) },
      derivative: { $0 > 0 ? 1 : 0 }),
    Function(
      testDescription: "tanh", kernel: pb_tanh, backward: pb_tanh_backward, reference: { tanh($0) },
      derivative: { 1 - tanh($0) * tanh($0) }),
    Function(
      testDescription: "sigmoid", kernel: pb_sigmoid, backward: pb_sigmoid_backward,
      reference: pb_sigmoid_reference,
      derivative: { pb_sigmoid_reference($0) * pb_sigmoid_reference(-$0) }),
    Function(
      testDescription: "softplus", kernel: pb_softplus, backward: pb_softplus_backward,
      reference: pb_softplus_reference, derivative: pb_sigmoid_reference),
  ]

  static let inputs: [Float] =
    (-30_000...30_000).map { Float($0) / 1500 } + [-1e4, 1e4, 1e-5, -1e-5, 3e-10, -3e-10, 1e30, -1e30, 0]

  @Test(arguments: functions, CPULevel.available)
  func functionsAreRightToAFewUnitsInTheLastPlace(function: Function, level: CPULevel) {
    let values = SharedBuffer(Self.inputs)
    level.run { function.kernel(values.pointer, values.count) }
    for (x, y) in zip(Self.inputs, values.array) {
      let expected = function.reference(Double(x))
      // Arguments of the exponential below -87 count as -87: 1e-38 stands for less.
      let error = abs(Double(y) - expected)
      #expect(error <= 6 * 0x1p-24 * abs(expected) + 2e-38, "f(\(x)) = \(y) is off by \(error)")
    }
  }

  @Test(arguments: functions, CPULevel.available)
  func derivativesComeFromTheOutput(function: Function, level: CPULevel) {
    let outputs = SharedBuffer(Self.inputs)
    let gradient = SharedBuffer<Float>(repeatElement(2, count: outputs.count))
    level.run {
      function.kernel(outputs.pointer, outputs.count)
      function.backward(outputs.pointer, gradient.pointer, outputs.count)
    }
    for (x, slope) in zip(Self.inputs, gradient.array) {
      // 1 - y and 1 - y^2 lose what y lost of 1.
      #expect(abs(Double(slope) - 2 * function.derivative(Double(x))) < 2e-6, "f'(\(x)) = \(slope / 2)")
    }
  }

  @Test(arguments: CPULevel.available)
  func geluAndItsDerivativeAreRight(level: CPULevel) {
    let input = SharedBuffer(Self.inputs)
    let output = SharedBuffer<Float>(count: input.count)
    let gradient = SharedBuffer<Float>(repeatElement(2, count: input.count))
    level.run {
      pb_gelu(input.pointer, output.pointer, input.count)
      pb_gelu_backward(input.pointer, gradient.pointer, input.count)
    }
    for (index, x) in Self.inputs.enumerated() {
      let error = abs(Double(output[index]) - pb_gelu_reference(Double(x)))
      #expect(error <= 4 * 0x1p-24 * abs(Double(x)), "gelu(\(x)) is off by \(error)")
      let slope = Double(gradient[index]) / 2
      #expect(abs(slope - pb_gelu_derivative_reference(Double(x))) < 1e-6, "gelu'(\(x)) = \(slope)")
    }
  }

  @Test(arguments: functions, CPULevel.available)
  func lengthsAreKeptAndNaNGoesThrough(function: Function, level: CPULevel) {
    for count in [0, 1, 15, 16, 17, 33] {
      let values = SharedBuffer<Float>(repeatElement(.nan, count: count) + [7])
      let gradient = SharedBuffer<Float>(repeatElement(1, count: count) + [7])
      level.run {
        function.kernel(values.pointer, count)
        function.backward(values.pointer, gradient.pointer, count)
      }
      #expect(values.array.dropLast().allSatisfy(\.isNaN) && values[count] == 7)
      #expect(gradient[count] == 7)
    }
  }
}
