import CKernels
import Compute
import TestSupport
import Testing

/// The kernels between products and weighted sums against their references, at every level that the machine has.
/// (Products and sums: StoredTokensTests.)
@Suite struct PoolingKernelTests {
  /// Rows of one image, filled up to whole blocks.
  private struct Sample {
    let tokenCount: Int
    let row: SharedBuffer<Float>
    let attention: SharedBuffer<Float>
    let offsets: SharedBuffer<Float>
    let means: SharedBuffer<Float>
    let deviations: SharedBuffer<Float>

    init(_ tokenCount: Int) {
      self.tokenCount = tokenCount
      var generator = SeededGenerator(seed: 5)
      let padded = pb_pooling_padded(tokenCount)
      func drawn(_ low: Double, _ high: Double) -> SharedBuffer<Float> {
        SharedBuffer((0..<padded).map { _ in Float(generator.uniform(low, high)) })
      }
      (row, attention, offsets) = (drawn(-4, 4), drawn(0, 1), drawn(-1, 1))
      (means, deviations) = (drawn(-1, 1), drawn(0.5, 2))
    }

    func tokens(first: Int, normalized: Bool) -> pb_pooling_tokens {
      pb_pooling_tokens(
        token_count: tokenCount, first: first, means: normalized ? .init(means.pointer) : nil,
        inverse_deviations: normalized ? .init(deviations.pointer) : nil)
    }

    func used(_ buffer: SharedBuffer<Float>) -> [Float] { Array(buffer.array.prefix(tokenCount)) }
  }

  @Test(arguments: CPULevel.available, StoredSample.types)
  func squaresEqualTheirReference(level: CPULevel, type: ElementType) {
    var generator = SeededGenerator(seed: 6)
    for (tokenCount, width) in [(1, 1), (2, 15), (5, 16), (7, 17), (33, 64), (3, 100), (197, 192)] {
      let sample = StoredSample(
        (0..<tokenCount * width).map { _ in Float(generator.normal()) }, as: type, tokenCount: tokenCount,
        width: width)
      let means = SharedBuffer((0..<width).map { _ in Float(generator.uniform(-2, 2)) })
      let (sums, expected) = (SharedBuffer<Float>(count: width), SharedBuffer<Float>(count: width))
      let first = tokenCount / 3
      level.run { sample.tokens.squares(from: first, around: means.pointer, into: sums.pointer) }
      pb_token_squares_reference(
        sample.values.pointer, first, tokenCount, width, means.pointer, expected.pointer)
      // Sums of positive numbers, at most 197 roundings each.
      #expect(Closeness(sums.array, expected.array).relativeError < 1e-6, "\(tokenCount) x \(width)")
    }
  }

  @Test(arguments: CPULevel.available, [true, false])
  func softmaxEqualsItsReference(level: CPULevel, isPlain: Bool) {
    for tokenCount in [1, 2, 15, 16, 17, 33, 197] {
      for first in [0, 1, 5] where first < tokenCount {
        let (sample, expected) = (Sample(tokenCount), Sample(tokenCount))
        let correction = level.run {
          pb_pooling_softmax(
            sample.tokens(first: first, normalized: !isPlain), sample.row.pointer,
            isPlain ? nil : sample.offsets.pointer, 0.7, sample.attention.pointer)
        }
        let expectedCorrection = pb_pooling_softmax_reference(
          expected.tokens(first: first, normalized: !isPlain), expected.row.pointer,
          isPlain ? nil : expected.offsets.pointer, 0.7, expected.attention.pointer)
        // Exponentials are right to 2e-7, scores up to 10 to 1e-6.
        #expect(
          Closeness(sample.used(sample.attention), expected.used(expected.attention)).relativeError < 3e-6)
        #expect(Closeness(sample.used(sample.row), expected.used(expected.row)).relativeError < 3e-6)
        #expect(abs(correction - expectedCorrection) < 1e-5)
        #expect(sample.attention.array.prefix(first).allSatisfy { $0 == 0 })
      }
    }
  }

  @Test(arguments: CPULevel.available, [true, false])
  func theWayBackEqualsItsReference(level: CPULevel, isPlain: Bool) {
    for tokenCount in [1, 2, 15, 16, 17, 33, 197] {
      for first in [0, 1, 5] where first < tokenCount {
        let (sample, expected) = (Sample(tokenCount), Sample(tokenCount))
        for sample in [sample, expected] {
          _ = pb_pooling_softmax_reference(
            sample.tokens(first: first, normalized: false), sample.attention.pointer, nil, 0,
            sample.attention.pointer)
        }
        let correction = level.run {
          pb_pooling_softmax_backward(
            sample.tokens(first: first, normalized: !isPlain), sample.attention.pointer, sample.row.pointer,
            isPlain ? nil : sample.means.pointer, 0.7, isPlain ? nil : sample.offsets.pointer)
        }
        let expectedCorrection = pb_pooling_softmax_backward_reference(
          expected.tokens(first: first, normalized: !isPlain), expected.attention.pointer,
          expected.row.pointer, isPlain ? nil : expected.means.pointer, 0.7,
          isPlain ? nil : expected.offsets.pointer)
        // Differences of numbers near 4, times attention of up to 1.
        let rows = Closeness(sample.used(sample.row), expected.used(expected.row))
        let offsets = Closeness(sample.used(sample.offsets), expected.used(expected.offsets))
        #expect(rows.maximumDifference < 3e-6, "\(tokenCount) from \(first)")
        #expect(offsets.maximumDifference < 3e-6, "\(tokenCount) from \(first)")
        #expect(abs(correction - expectedCorrection) < 1e-5)
        #expect(sample.row.array.prefix(first).allSatisfy { $0 == 0 })
      }
    }
  }

  /// What is far below the greatest score weighs nothing instead of a subnormal number, and so does what takes no part.
  @Test(arguments: CPULevel.available) func aCertainQueryHasNoSubnormalWeights(level: CPULevel) {
    let sample = Sample(21)
    for token in 0..<21 { sample.row[token] = token == 7 ? 95 : Float(token) }
    _ = level.run {
      pb_pooling_softmax(
        sample.tokens(first: 2, normalized: false), sample.row.pointer, nil, 0, sample.attention.pointer)
    }
    #expect(sample.attention.array == (0..<32).map { $0 == 7 ? 1 : 0 })
  }
}
