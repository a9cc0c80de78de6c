import CKernels
import Compute
import Foundation
import TestSupport
import Testing

struct AttentionKernelTests {
  struct Size: Sendable {
    let prefix: Int
    let patches: Int
    let padding: Int
  }

  static let sizes = [
    Size(prefix: 0, patches: 1, padding: 0), Size(prefix: 1, patches: 1, padding: 3),
    Size(prefix: 1, patches: 15, padding: 0), Size(prefix: 1, patches: 16, padding: 1),
    Size(prefix: 0, patches: 17, padding: 0), Size(prefix: 5, patches: 31, padding: 2),
    Size(prefix: 1, patches: 64, padding: 0), Size(prefix: 1, patches: 196, padding: 11),
  ]

  @Test(arguments: sizes, CPULevel.available)
  func agreesWithItsReference(size: Size, level: CPULevel) {
    let tokens = size.prefix + size.patches
    let stride = size.prefix + pb_attention_padded(size.patches) + size.padding
    var generator = SeededGenerator(seed: 1)
    // From even attention to attention on one token alone.
    for spread in [0.0, 1, 5, 200] {
      let scores = SharedBuffer((0..<tokens * stride).map { _ in Float(spread * generator.normal() - 3) })
      let expected = SharedBuffer(scores.array)
      let rounded = SharedBuffer<UInt16>(count: scores.count)
      let statistics = SharedBuffer<Float>(count: 8)
      let expectedStatistics = SharedBuffer<Float>(count: 8)
      level.run {
        pb_softmax_with_statistics(
          scores.pointer, stride, size.prefix, size.patches, rounded.pointer, statistics.pointer)
      }
      pb_softmax_with_statistics_reference(
        expected.pointer, stride, size.prefix, size.patches, expectedStatistics.pointer)
      let attention = Self.rows(scores.array, count: tokens, stride)
      let closeness = Closeness(attention, Self.rows(expected.array, count: tokens, stride))
      #expect(closeness.maximumDifference < 1e-6)
      #expect(
        Self.rows(rounded.array, count: tokens, stride) == attention.map(pb_f32_to_bf16_reference))
      for (index, (actual, expected)) in zip(statistics.array, expectedStatistics.array).enumerated() {
        #expect(actual.isNaN == expected.isNaN)
        // The adjusted attention of [cls] to itself has no bound: its divisor may be as small as 1e-6.
        let tolerance = 3e-6 * max(1, abs(expected))
        #expect(actual.isNaN || abs(actual - expected) < tolerance, "statistic \(index) at spread \(spread)")
      }
    }
  }

  /// The columns of a square matrix's rows, without what lies between the rows.
  private static func rows<Value>(_ values: [Value], count: Int, _ stride: Int) -> [Value] {
    (0..<count).flatMap { values[$0 * stride..<$0 * stride + count] }
  }

  @Test(arguments: CPULevel.available)
  func evenAttentionHasTheLargestEntropy(level: CPULevel) {
    let scores = SharedBuffer<Float>(repeatElement(12, count: 101 * 113))
    let statistics = SharedBuffer<Float>(count: 8)
    level.run { pb_softmax_with_statistics(scores.pointer, 113, 1, 100, nil, statistics.pointer) }
    let third = Float(1.0 / 101)
    let expected: [Float] = [third, third, 0.01, 0.01, third, third, log(100), log(100)]
    // The small terms in the definition take up to 100 x 1e-6 off an entropy.
    #expect(Closeness(statistics.array, expected).maximumDifference < 2e-4)
    let attention = Self.rows(scores.array, count: 101, 113)
    #expect(Closeness(attention, attention.map { _ in third }).maximumDifference < 1e-8)
  }

  @Test(arguments: CPULevel.available)
  func aNaNStaysInItsRow(level: CPULevel) {
    let scores = SharedBuffer<Float>(repeatElement(1, count: 33 * 33))
    let statistics = SharedBuffer<Float>(count: 8)
    scores[5 * 33 + 20] = .nan
    level.run { pb_softmax_with_statistics(scores.pointer, 33, 1, 32, nil, statistics.pointer) }
    let rows = (0..<33).filter { row in scores.array[row * 33..<(row + 1) * 33].contains(where: \.isNaN) }
    #expect(rows == [5])
    #expect(!statistics[0].isNaN && statistics[1].isNaN && statistics[7].isNaN)
  }
}
