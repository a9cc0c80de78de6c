import CKernels
import Compute
import TestSupport
import Testing

/// The losses' kernels against their references, at every level that the machine has.
@Suite struct LossKernelTests {
  private static let classCounts = [1, 2, 5, 15, 16, 17, 31, 33, 100, 1000]
  private static let rowCount = 5

  private func random(
    _ count: Int, scale: Double = 1, _ generator: inout SeededGenerator
  ) -> SharedBuffer<Float> {
    SharedBuffer((0..<count).map { _ in Float(scale * generator.normal()) })
  }

  /// Losses of scores up to 100 are known to a rounding of 100; shares of at most 1, times a scale of 2, to a few of 1.
  private func expectClose(
    _ actual: (gradient: SharedBuffer<Float>, losses: SharedBuffer<Float>),
    _ expected: (gradient: SharedBuffer<Float>, losses: SharedBuffer<Float>), _ classCount: Int
  ) {
    let gradient = Closeness(actual.gradient.array, expected.gradient.array)
    #expect(gradient.maximumDifference < 2e-6, "gradient, \(classCount) classes: \(gradient)")
    for (actual, expected) in zip(actual.losses.array, expected.losses.array) {
      #expect(abs(actual - expected) < 1e-6 * max(1, 10 * abs(expected)), "loss, \(classCount) classes")
    }
  }

  @Test(arguments: CPULevel.available, [Float(0), 0.1, 0.9])
  func crossEntropyEqualsItsReference(level: CPULevel, smoothing: Float) {
    var generator = SeededGenerator(seed: 1)
    for classCount in Self.classCounts {
      for spread in [0.1, 3, 40] {
        let logits = random(Self.rowCount * classCount, scale: spread, &generator)
        let expected = SharedBuffer(logits.array)
        let labels = (0..<Self.rowCount).map { Int32(($0 * 7 + classCount / 2) % classCount) }
        let losses = (0..<2).map { _ in SharedBuffer<Float>(count: Self.rowCount) }
        let ranks = (0..<2).map { _ in SharedBuffer<Int32>(count: Self.rowCount) }
        level.run {
          pb_cross_entropy_gradient(
            logits.pointer, labels, Self.rowCount, classCount, smoothing, 2, losses[0].pointer,
            ranks[0].pointer)
        }
        pb_cross_entropy_gradient_reference(
          expected.pointer, labels, Self.rowCount, classCount, smoothing, 2, losses[1].pointer,
          ranks[1].pointer)
        expectClose((logits, losses[0]), (expected, losses[1]), classCount)
        #expect(ranks[0].array == ranks[1].array)
      }
    }
  }

  @Test(arguments: CPULevel.available)
  func binaryCrossEntropyEqualsItsReference(level: CPULevel) {
    var generator = SeededGenerator(seed: 2)
    for classCount in Self.classCounts {
      let count = Self.rowCount * classCount
      let logits = random(count, scale: 5, &generator)
      let expected = SharedBuffer(logits.array)
      let targets = (0..<count).map { _ in Float(generator.uniform()) }
      let losses = (0..<2).map { _ in SharedBuffer<Float>(count: Self.rowCount) }
      level.run {
        pb_binary_cross_entropy_gradient(
          logits.pointer, targets, Self.rowCount, classCount, 2, losses[0].pointer)
      }
      pb_binary_cross_entropy_gradient_reference(
        expected.pointer, targets, Self.rowCount, classCount, 2, losses[1].pointer)
      expectClose((logits, losses[0]), (expected, losses[1]), classCount)
    }
  }

  @Test(arguments: CPULevel.available)
  func softmaxAndItsWayBackEqualTheirReferences(level: CPULevel) {
    var generator = SeededGenerator(seed: 3)
    for width in Self.classCounts {
      let values = random(Self.rowCount * width, scale: 10, &generator)
      let gradient = random(Self.rowCount * width, &generator)
      let (expected, expectedGradient) = (SharedBuffer(values.array), SharedBuffer(gradient.array))
      level.run { pb_softmax(values.pointer, Self.rowCount, width) }
      pb_softmax_reference(expected.pointer, Self.rowCount, width)
      #expect(Closeness(values.array, expected.array).maximumDifference < 1e-6, "\(width)")
      level.run { pb_softmax_rows_backward(values.pointer, gradient.pointer, Self.rowCount, width) }
      pb_softmax_rows_backward_reference(values.pointer, expectedGradient.pointer, Self.rowCount, width)
      #expect(Closeness(gradient.array, expectedGradient.array).maximumDifference < 1e-6, "\(width)")
    }
  }

  /// Ties go to the lower index; what is no number comes last. A loss with it, or with an infinite score, is no finite
  /// number, whichever class has it.
  @Test(arguments: CPULevel.available, [Float.nan, .infinity])
  func oddScoresAreRankedAndMakeTheLossInfinite(level: CPULevel, odd: Float) {
    for classCount in [3, 16, 40] {
      for oddIndex in [0, 1, classCount - 1] {
        for label in 0..<classCount {
          var row = (0..<classCount).map { Float($0 % 3) }
          row[oddIndex] = odd
          let logits = SharedBuffer(row)
          let expected = SharedBuffer(row)
          var (rank, expectedRank): (Int32, Int32) = (-1, -1)
          var (loss, expectedLoss): (Float, Float) = (0, 0)
          level.run {
            pb_cross_entropy_gradient(logits.pointer, [Int32(label)], 1, classCount, 0, 1, &loss, &rank)
          }
          pb_cross_entropy_gradient_reference(
            expected.pointer, [Int32(label)], 1, classCount, 0, 1, &expectedLoss, &expectedRank)
          #expect(rank == expectedRank, "label \(label) of \(classCount), odd \(oddIndex)")
          #expect(!loss.isFinite)
        }
      }
    }
  }

  /// Where one score is far above the others, the rest gets no gradient at all instead of a subnormal one.
  @Test(arguments: CPULevel.available)
  func aCertainPredictionHasNoSubnormalGradient(level: CPULevel) {
    let logits = SharedBuffer<Float>((0..<40).map { $0 == 3 ? 85 : 0 })
    var loss: Float = 1
    level.run { pb_cross_entropy_gradient(logits.pointer, [3], 1, 40, 0, 1e-3, &loss, nil) }
    #expect(loss == 0)
    #expect(logits.array.allSatisfy { $0 == 0 })
  }
}
