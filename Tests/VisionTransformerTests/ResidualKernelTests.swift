import CKernels
import Compute
import Foundation
import TestSupport
import Testing

struct ResidualKernelTests {
  static let widths = [1, 2, 15, 16, 17, 31, 63, 64, 65, 200, 768]

  private func random(
    _ count: Int, mean: Double = 0, _ generator: inout SeededGenerator
  ) -> SharedBuffer<Float> {
    SharedBuffer((0..<count).map { _ in Float(mean + generator.normal()) })
  }

  /// A mean far from zero loses digits where a variance is a difference of squares; here it must not.
  @Test(arguments: CPULevel.available, [0.0, 100.0])
  func layerNormAgreesWithItsReference(level: CPULevel, mean: Double) {
    var generator = SeededGenerator(seed: 1)
    for width in Self.widths {
      let input = random(5 * width, mean: mean, &generator)
      let weight = random(width, &generator)
      let bias = random(width, &generator)
      let output = SharedBuffer<Float>(count: 5 * width + 1)
      let rounded = SharedBuffer<UInt16>(count: 5 * width + 1)
      let expected = SharedBuffer<Float>(count: 5 * width + 1)
      level.run {
        pb_layer_norm(input.pointer, weight.pointer, bias.pointer, 1e-6, output.pointer, 5, width)
        pb_layer_norm_bf16(input.pointer, weight.pointer, bias.pointer, 1e-6, rounded.pointer, 5, width)
      }
      #expect(rounded.array == output.array.map(pb_f32_to_bf16_reference))
      pb_layer_norm_reference(input.pointer, weight.pointer, bias.pointer, 1e-6, expected.pointer, 5, width)
      let tolerance = mean == 0 ? 2e-6 : 2e-4
      let closeness = Closeness(output.array, expected.array)
      #expect(width == 1 || closeness.relativeError < tolerance, "width \(width): \(closeness)")
      if width == 1 { #expect(output.array.prefix(5).allSatisfy { $0 == bias[0] }) }
    }
  }

  @Test(arguments: CPULevel.available)
  func rootMeanSquareNormAgreesWithItsReference(level: CPULevel) {
    var generator = SeededGenerator(seed: 4)
    for width in Self.widths {
      let input = random(5 * width, mean: 1, &generator)
      let weight = random(width, &generator)
      let output = SharedBuffer<Float>(count: 5 * width + 1)
      let rounded = SharedBuffer<UInt16>(count: 5 * width + 1)
      let expected = SharedBuffer<Float>(count: 5 * width + 1)
      level.run {
        pb_rms_norm(input.pointer, weight.pointer, 1e-6, output.pointer, 5, width)
        pb_rms_norm_bf16(input.pointer, weight.pointer, 1e-6, rounded.pointer, 5, width)
      }
      #expect(rounded.array == output.array.map(pb_f32_to_bf16_reference))
      pb_rms_norm_reference(input.pointer, weight.pointer, 1e-6, expected.pointer, 5, width)
      let closeness = Closeness(output.array, expected.array)
      #expect(closeness.relativeError < 2e-6, "width \(width): \(closeness)")
    }
  }

  @Test(arguments: CPULevel.available)
  func rowsAreNormalizedInPlaceAsElsewhere(level: CPULevel) {
    var generator = SeededGenerator(seed: 5)
    for width in Self.widths where width > 1 {
      let input = random(5 * width, mean: 1, &generator)
      let (weight, bias) = (random(width, &generator), random(width, &generator))
      for centers in [false, true] {
        let values = SharedBuffer(input.array)
        let expected = SharedBuffer<Float>(count: 5 * width)
        let noBias = SharedBuffer<Float>(count: width)
        level.run {
          pb_normalize_rows(
            values.pointer, weight.pointer, (centers ? bias : noBias).pointer, 1e-6, centers ? 1 : 0, 5, width
          )
        }
        if centers {
          pb_layer_norm_reference(
            input.pointer, weight.pointer, bias.pointer, 1e-6, expected.pointer, 5, width)
        } else {
          pb_rms_norm_reference(input.pointer, weight.pointer, 1e-6, expected.pointer, 5, width)
        }
        let closeness = Closeness(values.array, expected.array)
        #expect(closeness.relativeError < 2e-6, "width \(width): \(closeness)")
      }
    }
  }

  @Test(arguments: CPULevel.available)
  func rotationsAgreeWithTheirReference(level: CPULevel) {
    var generator = SeededGenerator(seed: 6)
    for width in [2, 4, 8, 30, 34, 64, 80, 128] {
      let values = random(3 * width, &generator)
      let angles = (0..<width).map { _ in Float(3 * generator.normal()) }
      let cosines = SharedBuffer(angles.map { Float(Foundation.cos(Double($0))) })
      let sines = SharedBuffer(angles.map { Float(Foundation.sin(Double($0))) })
      let expected = SharedBuffer<Float>(count: 3 * width)
      pb_rotate_rows_reference(values.pointer, cosines.pointer, sines.pointer, expected.pointer, 3, width)
      level.run { pb_rotate_rows(values.pointer, cosines.pointer, sines.pointer, 3, width) }
      #expect(Closeness(values.array, expected.array).maximumDifference < 1e-6)
    }
  }

  @Test(arguments: CPULevel.available, [false, true])
  func theWayBackThroughLayerNormAgreesWithItsReference(level: CPULevel, adding: Bool) {
    var generator = SeededGenerator(seed: 3)
    // Of a row of two numbers, the normalised ones are 1 and -1 and their gradient all but nothing.
    for width in Self.widths.filter({ $0 > 2 }) {
      let (input, gradient) = (random(5 * width, &generator), random(5 * width, &generator))
      let weight = random(width, &generator)
      let start = random(5 * width, &generator)
      let results = [false, true].map { isReference in
        let inputGradient = SharedBuffer(start.array)
        let sums = SharedBuffer<Double>(repeatElement(1, count: 2 * width))
        let backward = isReference ? pb_layer_norm_backward_reference : pb_layer_norm_backward
        level.run {
          backward(
            input.pointer, weight.pointer, 1e-6, gradient.pointer, inputGradient.pointer, adding ? 1 : 0,
            sums.pointer, sums.pointer + width, 5, width)
        }
        return [inputGradient.array, sums.array.map { Float($0) }]
      }
      for (actual, expected) in zip(results[0], results[1]) {
        let closeness = Closeness(actual, expected)
        #expect(closeness.relativeError < 2e-6, "width \(width): \(closeness)")
      }
    }
  }

  @Test(arguments: CPULevel.available)
  func residualsAgreeWithTheirReference(level: CPULevel) {
    var generator = SeededGenerator(seed: 2)
    for width in Self.widths {
      let branch = random(5 * width, &generator)
      let scale = random(width, &generator)
      let residual = random(5 * width + 1, &generator)
      let expected = SharedBuffer(residual.array)
      let magnitudes = SharedBuffer<Float>(count: 5)
      let expectedMagnitudes = SharedBuffer<Float>(count: 5)
      level.run {
        pb_add_residual_with_magnitudes(
          branch.pointer, scale.pointer, residual.pointer, 5, width, magnitudes.pointer)
      }
      pb_add_residual_with_magnitudes_reference(
        branch.pointer, scale.pointer, expected.pointer, 5, width, expectedMagnitudes.pointer)
      #expect(Closeness(residual.array, expected.array).maximumDifference < 2e-6)
      #expect(Closeness(magnitudes.array, expectedMagnitudes.array).relativeError < 1e-6)
    }
  }

  @Test(arguments: CPULevel.available)
  func aBiasIsAddedToEveryRow(level: CPULevel) {
    for width in Self.widths {
      let values = SharedBuffer((0...3 * width).map { Float($0) })
      let bias = SharedBuffer((0..<width).map { Float($0) * 0.5 })
      level.run { pb_add_bias(values.pointer, bias.pointer, 3, width) }
      let expected = (0..<3 * width).map { Float($0) + Float($0 % width) * 0.5 } + [Float(3 * width)]
      #expect(values.array == expected)
    }
  }

  @Test(arguments: CPULevel.available)
  func aTokenOfZerosHasAMagnitude(level: CPULevel) {
    let branch = SharedBuffer<Float>([3, 4])
    let ones = SharedBuffer<Float>([1, 1])
    let residual = SharedBuffer<Float>(count: 2)
    let magnitudes = SharedBuffer<Float>(count: 1)
    level.run {
      pb_add_residual_with_magnitudes(
        branch.pointer, ones.pointer, residual.pointer, 1, 2, magnitudes.pointer)
    }
    #expect(abs(magnitudes[0] / 5e6 - 1) < 1e-6)
    #expect(residual.array == [3, 4])
  }
}
