import CKernels
import Compute
import TestSupport
import Testing

struct ActivationKernelTests {
  struct Function: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let kernel: @Sendable (UnsafeMutablePointer<Float>, UnsafePointer<Float>, Int, Int) -> Void
    let reference: @Sendable (Double) -> Double
  }

  static let functions = [
    Function(testDescription: "gelu", kernel: pb_bias_gelu, reference: pb_gelu_reference),
    Function(testDescription: "tanh", kernel: pb_bias_gelu_tanh, reference: pb_gelu_tanh_reference),
    Function(testDescription: "quick", kernel: pb_bias_quick_gelu, reference: pb_quick_gelu_reference),
  ]

  @Test(arguments: functions, CPULevel.available)
  func isRightToAFewUnitsInTheLastPlace(function: Function, level: CPULevel) {
    let inputs = (-60_000...60_000).map { Float($0) / 3000 } + [-1e4, 1e4, 1e-20, -1e-20, 1e30, 0]
    let values = SharedBuffer(inputs)
    let bias = SharedBuffer<Float>(count: inputs.count)
    level.run { function.kernel(values.pointer, bias.pointer, 1, inputs.count) }
    for (x, y) in zip(inputs, values.array) {
      // x Phi(x): Phi is right to 4 units in the last place of 1, as a sum with it is in PyTorch.
      let error = abs(Double(y) - function.reference(Double(x)))
      #expect(error <= 4 * 0x1p-24 * abs(Double(x)), "f(\(x)) = \(y) is off by \(error)")
    }
  }

  @Test(arguments: functions, CPULevel.available)
  func addsTheBiasFirst(function: Function, level: CPULevel) {
    var generator = SeededGenerator(seed: 1)
    for width in [0, 1, 15, 16, 17, 31, 33, 100] {
      let inputs = (0..<3 * width).map { _ in Float(generator.normal()) }
      let values = SharedBuffer(inputs + [7])
      let bias = SharedBuffer((0..<width).map { _ in Float(generator.normal()) })
      level.run { function.kernel(values.pointer, bias.pointer, 3, width) }
      let expected = inputs.indices.map { index in
        Float(function.reference(Double(inputs[index] + bias[index % width])))
      }
      #expect(Closeness(values.array, expected + [7]).maximumDifference < 1e-6)
    }
  }

  @Test(arguments: functions, CPULevel.available)
  func keepsNaN(function: Function, level: CPULevel) {
    let values = SharedBuffer<Float>(repeatElement(.nan, count: 33))
    let bias = SharedBuffer<Float>(count: 33)
    level.run { function.kernel(values.pointer, bias.pointer, 1, 33) }
    #expect(values.array.allSatisfy { $0.isNaN })
  }

  @Test(arguments: CPULevel.available)
  func aGateMultipliesTheSecondHalf(level: CPULevel) {
    var generator = SeededGenerator(seed: 2)
    for width in [0, 1, 15, 16, 17, 33, 100] {
      let input = SharedBuffer((0..<3 * 2 * width).map { _ in Float(4 * generator.normal()) })
      let output = SharedBuffer<Float>(repeatElement(7, count: 3 * width + 1))
      let rounded = SharedBuffer<UInt16>(count: 3 * width + 1)
      level.run {
        pb_gate_silu(input.pointer, output.pointer, 3, width)
        pb_gate_silu_bf16(input.pointer, rounded.pointer, 3, width)
      }
      let expected = (0..<3 * width).map { index in
        let start = index / width * 2 * width + index % width
        return Float(pb_silu_reference(Double(input[start])) * Double(input[start + width]))
      }
      #expect(Closeness(output.array, expected + [7]).relativeError < 1e-6)
      #expect(rounded.array.dropLast() == output.array.dropLast().map(pb_f32_to_bf16_reference)[...])
      #expect(rounded[3 * width] == 0)
    }
  }
}
