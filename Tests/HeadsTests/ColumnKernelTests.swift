import CKernels
import Compute
import TestSupport
import Testing

/// The kernels over columns against their references, at every level that the machine has.
@Suite struct ColumnKernelTests {
  private static let sizes = [(2, 1), (3, 7), (5, 127), (17, 128), (16, 129), (64, 300)]

  private func random(
    _ count: Int, mean: Double = 0, _ generator: inout SeededGenerator
  ) -> SharedBuffer<Float> {
    SharedBuffer((0..<count).map { _ in Float(mean + generator.normal()) })
  }

  /// A mean of 100 costs two digits of the values themselves; a variance as a difference of squares would cost four.
  @Test(arguments: CPULevel.available, [0.0, 100.0])
  func batchNormEqualsItsReference(level: CPULevel, mean: Double) {
    var generator = SeededGenerator(seed: 1)
    for (rows, columns) in Self.sizes {
      // Two more columns than are worked on.
      let stride = columns + 2
      let start = random(rows * stride, mean: mean, &generator)
      let running = [random(columns, &generator), random(columns, mean: 5, &generator)]
      let results = [false, true].map { isReference in
        let values = SharedBuffer(start.array)
        let (runningMean, variance) = (SharedBuffer(running[0].array), SharedBuffer(running[1].array))
        let deviation = SharedBuffer<Float>(count: columns)
        let train = isReference ? pb_batch_norm_train_reference : pb_batch_norm_train
        level.run {
          train(
            values.pointer, rows, stride, columns, 1e-6, 0.1, runningMean.pointer, variance.pointer,
            deviation.pointer)
        }
        return [values, runningMean, variance, deviation]
      }
      for (actual, expected) in zip(results[0], results[1]) {
        let closeness = Closeness(actual.array, expected.array)
        #expect(closeness.relativeError < (mean == 0 ? 2e-6 : 2e-4), "\(rows) x \(columns): \(closeness)")
      }
      let beside = results[0][0]
      for row in 0..<rows {
        for column in columns..<stride {
          #expect(beside[row * stride + column] == start[row * stride + column])
        }
      }
    }
  }

  @Test(arguments: CPULevel.available)
  func theWayBackAndEvaluationEqualTheirReferences(level: CPULevel) {
    var generator = SeededGenerator(seed: 2)
    for (rows, columns) in Self.sizes {
      let stride = columns + 2
      let (normalized, start) = (random(rows * stride, &generator), random(rows * stride, &generator))
      let (mean, deviation) = (random(columns, &generator), random(columns, mean: 5, &generator))
      let results = [false, true].map { isReference in
        let (gradient, values) = (SharedBuffer(start.array), SharedBuffer(start.array))
        let sums = SharedBuffer(mean.array)
        level.run {
          if isReference {
            pb_batch_norm_backward_reference(
              gradient.pointer, normalized.pointer, rows, stride, columns, deviation.pointer)
            pb_batch_norm_evaluate_reference(
              values.pointer, rows, stride, columns, 1e-6, mean.pointer, deviation.pointer)
            pb_add_column_sums_reference(start.pointer, rows, stride, columns, sums.pointer)
          } else {
            pb_batch_norm_backward(
              gradient.pointer, normalized.pointer, rows, stride, columns, deviation.pointer)
            pb_batch_norm_evaluate(
              values.pointer, rows, stride, columns, 1e-6, mean.pointer, deviation.pointer)
            pb_add_column_sums(start.pointer, rows, stride, columns, sums.pointer)
          }
        }
        return [gradient, values, sums]
      }
      for (actual, expected) in zip(results[0], results[1]) {
        let closeness = Closeness(actual.array, expected.array)
        #expect(closeness.relativeError < 1e-6, "\(rows) x \(columns): \(closeness)")
      }
    }
  }
}
