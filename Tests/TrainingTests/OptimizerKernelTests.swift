import CKernels
import Compute
import TestSupport
import Testing

/// The optimizers' kernels against their references, at every level that the machine has.
@Suite struct OptimizerKernelTests {
  private static let counts = [0, 1, 15, 16, 17, 31, 33, 200, 1000]

  private func random(_ count: Int, _ generator: inout SeededGenerator) -> SharedBuffer<Float> {
    SharedBuffer((0..<count).map { _ in Float(generator.normal()) })
  }

  private func copies(_ buffers: [SharedBuffer<Float>]) -> [SharedBuffer<Float>] {
    buffers.map { SharedBuffer($0.array) }
  }

  private func expectClose(_ actual: [SharedBuffer<Float>], _ expected: [SharedBuffer<Float>]) {
    for (actual, expected) in zip(actual, expected) {
      // Numbers of size 1 after a few roundings.
      #expect(Closeness(actual.array, expected.array).maximumDifference < 1e-6)
    }
  }

  @Test(arguments: CPULevel.available, [false, true])
  func momentumEqualsItsReference(level: CPULevel, nesterov: Bool) {
    var generator = SeededGenerator(seed: 1)
    var step = pb_momentum_step(
      learning_rate: 0.1, momentum: 0.9, weight_decay: 0.05, scale: 0.3, nesterov: nesterov ? 1 : 0)
    for count in Self.counts {
      let actual = (0..<3).map { _ in random(count, &generator) }
      let expected = copies(actual)
      let isFinite = level.run {
        pb_momentum_update(actual[0].pointer, actual[1].pointer, actual[2].pointer, count, &step)
      }
      #expect(isFinite != 0)
      #expect(
        pb_momentum_update_reference(
          expected[0].pointer, expected[1].pointer, expected[2].pointer, count, &step) != 0)
      expectClose(actual, expected)
      #expect(actual[2].array.allSatisfy { $0 == 0 })
    }
  }

  @Test(arguments: CPULevel.available)
  func adamWEqualsItsReference(level: CPULevel) {
    var generator = SeededGenerator(seed: 2)
    var step = pb_adamw_step(
      beta1: 0.9, beta2: 0.99, epsilon: 1e-8, decay: 0.98, step_size: 0.01, second_scale: 2)
    for count in Self.counts {
      let actual = (0..<4).map { _ in random(count, &generator) }
      for index in 0..<count { actual[2][index] = abs(actual[2][index]) + 0.01 }
      let expected = copies(actual)
      let isFinite = level.run {
        pb_adamw_update(
          actual[0].pointer, actual[1].pointer, actual[2].pointer, actual[3].pointer, count, &step)
      }
      #expect(isFinite != 0)
      #expect(
        pb_adamw_update_reference(
          expected[0].pointer, expected[1].pointer, expected[2].pointer, expected[3].pointer, count, &step)
          != 0)
      expectClose(actual, expected)
    }
  }

  @Test(arguments: CPULevel.available, [Float.infinity, .nan])
  func aWeightThatIsNoNumberIsSeen(level: CPULevel, odd: Float) {
    var momentum = pb_momentum_step(
      learning_rate: 0.1, momentum: 0.9, weight_decay: 0, scale: 1, nesterov: 0)
    var adamw = pb_adamw_step(
      beta1: 0.9, beta2: 0.99, epsilon: 1e-8, decay: 1, step_size: 0.01, second_scale: 2)
    for count in [1, 17, 100] {
      for index in [0, count - 1] {
        let arrays = (0..<4).map { _ in SharedBuffer<Float>(repeatElement(1, count: count)) }
        arrays[0][index] = odd
        level.run {
          #expect(
            pb_momentum_update(arrays[0].pointer, arrays[1].pointer, arrays[3].pointer, count, &momentum) == 0
          )
          #expect(
            pb_adamw_update(
              arrays[0].pointer, arrays[1].pointer, arrays[2].pointer, arrays[3].pointer, count, &adamw) == 0)
        }
      }
    }
  }

  /// The squares are exact in double precision, so that all levels agree to the last bit.
  @Test func sumsOfSquaresAreTheSameAtEveryLevel() {
    var generator = SeededGenerator(seed: 3)
    for count in Self.counts {
      let (weights, gradient) = (random(count, &generator), random(count, &generator))
      var expected = [0.0, 0.0]
      pb_sums_of_squares_reference(weights.pointer, gradient.pointer, 0.1, count, &expected)
      let sums = CPULevel.available.map { level in
        var sums = [0.0, 0.0]
        level.run { pb_sums_of_squares(weights.pointer, gradient.pointer, 0.1, count, &sums) }
        return sums
      }
      let first = sums[0]
      for sums in sums {
        #expect(sums == first)
        #expect(abs(sums[0] - expected[0]) <= 1e-12 * expected[0])
        // The decayed gradient is rounded to single precision.
        #expect(abs(sums[1] - expected[1]) <= 1e-6 * expected[1])
      }
    }
  }
}
