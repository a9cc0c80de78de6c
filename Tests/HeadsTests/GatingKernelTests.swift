import CKernels
import Compute
import TestSupport
import Testing

/// The kernels of heads over every token against their references. Sums are of at most 200 terms near 1, in single
/// precision: 1e-5 is far above their rounding.
@Suite struct GatingKernelTests {
  static let sizes = [(1, 1), (2, 15), (3, 16), (5, 17), (4, 33), (7, 64), (2, 200)].map {
    Size(rows: $0, width: $1)
  }

  struct Size: Sendable, CustomTestStringConvertible {
    let rows: Int
    let width: Int
    var testDescription: String { "\(rows) x \(width)" }
  }

  /// Normal numbers; every seventh is zero.
  private func numbers(_ count: Int, seed: UInt64) -> SharedBuffer<Float> {
    var generator = SeededGenerator(seed: seed)
    return SharedBuffer((0..<count).map { $0 % 7 == 3 ? 0 : Float(generator.normal()) })
  }

  private func expectClose(_ actual: SharedBuffer<Float>, _ expected: SharedBuffer<Float>) {
    let closeness = Closeness(actual.array, expected.array)
    #expect(closeness.maximumDifference < 1e-5, "\(closeness)")
  }

  @Test(arguments: sizes, CPULevel.available)
  func scoresBehindReLUAndTheirSigns(size: Size, level: CPULevel) {
    let (rows, width) = (size.rows, size.width)
    let values = numbers(rows * width, seed: 1)
    let (offsets, weights) = (numbers(rows * width, seed: 2), numbers(width, seed: 3))
    for stride in [0, width] {
      let dots = (0..<2).map { _ in SharedBuffer<Float>(count: rows) }
      let signs = (0..<2).map { _ in SharedBuffer<UInt16>(count: rows * pb_sign_words(width)) }
      let spread = (0..<2).map { _ in SharedBuffer<Float>(count: rows * width) }
      level.run {
        pb_rectified_dots(
          values.pointer, offsets.pointer, stride, weights.pointer, rows, width, dots[0].pointer,
          signs[0].pointer)
        pb_expand_signs(signs[0].pointer, dots[0].pointer, rows, width, spread[0].pointer)
      }
      pb_rectified_dots_reference(
        values.pointer, offsets.pointer, stride, weights.pointer, rows, width, dots[1].pointer,
        signs[1].pointer)
      pb_expand_signs_reference(signs[1].pointer, dots[1].pointer, rows, width, spread[1].pointer)
      #expect(signs[0].array == signs[1].array)
      expectClose(dots[0], dots[1])
      expectClose(spread[0], spread[1])
    }
  }

  @Test(arguments: sizes, CPULevel.available)
  func gatesAndTheirWayBack(size: Size, level: CPULevel) {
    let (rows, width) = (size.rows, size.width)
    let (gradient, weights) = (numbers(width, seed: 6), numbers(width, seed: 7))
    let parts = numbers(3 * rows, seed: 8)
    let shares = SharedBuffer<pb_gate_shares>(count: rows)
    for row in 0..<rows {
      shares[row] = pb_gate_shares(
        feature: parts[3 * row], own: parts[3 * row + 1], score: parts[3 * row + 2])
    }
    func run(
      _ dots: (
        UnsafePointer<Float>, UnsafePointer<Float>, Int, Int, UnsafeMutablePointer<Float>,
        UnsafeMutablePointer<Float>
      ) -> Void,
      _ backward: (
        UnsafeMutablePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>,
        UnsafePointer<pb_gate_shares>, Int,
        Int, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>
      ) -> Void
    ) -> [SharedBuffer<Float>] {
      let values = numbers(rows * width, seed: 9)
      let (lengths, scores) = (SharedBuffer<Float>(count: rows), SharedBuffer<Float>(count: rows))
      let (sums, weightGradient) = (numbers(width, seed: 10), numbers(width, seed: 11))
      dots(values.pointer, weights.pointer, rows, width, lengths.pointer, scores.pointer)
      backward(
        values.pointer, gradient.pointer, weights.pointer, shares.pointer, rows, width, sums.pointer,
        weightGradient.pointer)
      return [values, lengths, scores, sums, weightGradient]
    }
    let actual = level.run { run(pb_gate_dots, pb_gate_backward) }
    for (actual, expected) in zip(actual, run(pb_gate_dots_reference, pb_gate_backward_reference)) {
      expectClose(actual, expected)
    }
  }

  @Test(arguments: sizes, CPULevel.available)
  func theFirstOfSeveralMaximaIsFound(size: Size, level: CPULevel) {
    let (rows, width) = (size.rows, size.width)
    // Few different products, so that the greatest is there more than once.
    let values = SharedBuffer((0..<rows * width).map { Float($0 * 7919 % 5) - 3 })
    let gate = SharedBuffer((0..<width).map { Float($0 % 2 + 1) })
    let maxima = (0..<2).map { _ in SharedBuffer<Float>(count: rows) }
    let positions = (0..<2).map { _ in SharedBuffer<Int32>(count: rows) }
    level.run {
      pb_gated_maxima(values.pointer, gate.pointer, rows, width, maxima[0].pointer, positions[0].pointer)
    }
    pb_gated_maxima_reference(
      values.pointer, gate.pointer, rows, width, maxima[1].pointer, positions[1].pointer)
    #expect(maxima[0].array == maxima[1].array)
    #expect(positions[0].array == positions[1].array)
  }
}
