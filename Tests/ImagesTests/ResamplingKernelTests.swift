import CKernels
import Compute
import TestSupport
import Testing

struct ResamplingKernelTests {
  static let sizes = [0, 1, 2, 15, 16, 17, 31, 33, 48, 63, 64, 65, 127, 128, 130]

  /// Weights from -1/4 to 3/4, so that sums leave the range of a byte on both sides.
  private func weights(_ count: Int, _ generator: inout SeededGenerator) -> SharedBuffer<Int32> {
    SharedBuffer((0..<count).map { _ in Int32(generator.bounded(1 << 22)) - 1 << 20 })
  }

  private func bytes(_ count: Int, _ generator: inout SeededGenerator) -> SharedBuffer<UInt8> {
    SharedBuffer((0..<count).map { _ in UInt8(generator.bounded(256)) })
  }

  @Test(arguments: CPULevel.available, sizes)
  func resamplesAlongRowsAsTheReferenceDoes(level: CPULevel, rowCount: Int) {
    var generator = SeededGenerator(seed: 30)
    for (sourceWidth, count, gap) in [
      (1, 1, 0), (5, 0, 2), (5, 17, 0), (16, 16, 7), (40, 3, 0), (6, 33, 1), (11, 48, 0),
    ] {
      // The last row has no gap after it, so that a kernel that reads beyond it reads outside of the memory.
      let stride = sourceWidth * 3 + gap
      let source = bytes(max(1, rowCount) * stride - gap, &generator)
      let starts = SharedBuffer((0..<count).map { _ in Int32(generator.bounded(UInt64(sourceWidth))) })
      let tapCounts = SharedBuffer(
        starts.array.map { Int32(generator.bounded(UInt64(sourceWidth - Int($0) + 1))) })
      let tapStride = sourceWidth + 1
      let weights = weights(count * tapStride, &generator)
      let taps = SharedBuffer([
        pb_resample_taps(
          count: count, tap_stride: tapStride, starts: starts.pointer, tap_counts: tapCounts.pointer,
          weights: weights.pointer)
      ])
      let actual = SharedBuffer<UInt8>(count: rowCount * count * 3 + 1)
      let expected = SharedBuffer<UInt8>(count: rowCount * count * 3 + 1)
      let scratch = SharedBuffer<UInt8>(count: pb_resample_scratch_bytes(sourceWidth))
      actual.fill(7)
      expected.fill(7)
      level.run {
        pb_resample_horizontal(
          source.pointer, stride, sourceWidth, rowCount, taps.pointer, actual.pointer, scratch.pointer)
      }
      pb_resample_horizontal_reference(source.pointer, stride, rowCount, taps.pointer, expected.pointer)
      #expect(actual.array == expected.array, "\(sourceWidth) to \(count) pixels")
    }
  }

  @Test(arguments: CPULevel.available, sizes)
  func resamplesAcrossRowsAsTheReferenceDoes(level: CPULevel, byteCount: Int) {
    var generator = SeededGenerator(seed: 31)
    for (tapCount, gap) in [(0, 0), (1, 0), (2, 3), (5, 0), (13, 64)] {
      let stride = byteCount + gap
      let source = bytes(stride * tapCount, &generator)
      let weights = weights(tapCount, &generator)
      let actual = SharedBuffer<UInt8>(count: byteCount + 1)
      let expected = SharedBuffer<UInt8>(count: byteCount + 1)
      actual.fill(7)
      expected.fill(7)
      level.run {
        pb_resample_vertical(source.pointer, stride, byteCount, weights.pointer, tapCount, actual.pointer)
      }
      pb_resample_vertical_reference(
        source.pointer, stride, byteCount, weights.pointer, tapCount, expected.pointer)
      #expect(actual.array == expected.array, "\(tapCount) rows")
    }
  }
}
