import CKernels
import Compute
import TestSupport
import Testing

/// The pooling kernels against their references, at every level that the machine has.
@Suite struct PoolingKernelTests {
  private static let tokenCounts = [0, 1, 3, 4, 5, 8, 17]
  private static let widths = [0, 1, 7, 15, 16, 17, 31, 33, 64, 200]
  private static let types = [ElementType.float32, .float16, .bfloat16]

  @Test(arguments: CPULevel.available, types)
  func kernelsEqualTheirReferences(level: CPULevel, type: ElementType) {
    var generator = SeededGenerator(seed: 5)
    for tokenCount in Self.tokenCounts {
      for width in Self.widths {
        let count = tokenCount * width
        let drawn = SharedBuffer((0..<count).map { _ in Float(generator.normal()) })
        let stored = SharedBuffer<UInt8>(count: count * type.byteCount)
        type.encode(drawn.pointer, into: stored.pointer, count: count)
        // What the stored values really are.
        type.decode(stored.pointer, into: drawn.pointer, count: count)
        let query = SharedBuffer((0..<width).map { _ in Float(generator.normal()) })
        let weights = SharedBuffer((0..<tokenCount).map { _ in Float(generator.normal()) })
        let sum = SharedBuffer((0..<width).map { _ in Float(generator.normal()) })
        let expectedSum = SharedBuffer(sum.array)
        let dots = SharedBuffer<Float>(count: tokenCount)
        let expectedDots = SharedBuffer<Float>(count: tokenCount)
        pb_token_dots_reference(drawn.pointer, tokenCount, width, query.pointer, expectedDots.pointer)
        pb_token_weighted_sum_reference(
          drawn.pointer, tokenCount, width, weights.pointer, expectedSum.pointer)
        level.run {
          type.dots(
            stored.pointer, tokenCount: tokenCount, width: width, query: query.pointer, into: dots.pointer)
          type.addWeightedSum(
            stored.pointer, tokenCount: tokenCount, width: width, weights: weights.pointer, to: sum.pointer)
        }
        // Sums of up to 200 products of size 1, each rounded to 6e-8.
        #expect(
          Closeness(dots.array, expectedDots.array).maximumDifference < 3e-5, "\(tokenCount) x \(width)")
        #expect(Closeness(sum.array, expectedSum.array).maximumDifference < 1e-5, "\(tokenCount) x \(width)")
      }
    }
  }
}
