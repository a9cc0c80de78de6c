import CKernels
import Compute
import TestSupport
import Testing

/// Products and weighted sums of rounded tokens against double precision, at every level that the machine has.
@Suite struct RoundedPoolingKernelTests {
  struct Shape: Sendable {
    let tokenCount, width, queryCount: Int
  }

  /// What is below, at and above lanes, pairs and blocks of tokens, columns and queries; odd numbers of tokens.
  static let shapes = [
    Shape(tokenCount: 1, width: 1, queryCount: 1), Shape(tokenCount: 2, width: 15, queryCount: 2),
    Shape(tokenCount: 5, width: 31, queryCount: 3), Shape(tokenCount: 16, width: 32, queryCount: 4),
    Shape(tokenCount: 17, width: 33, queryCount: 5), Shape(tokenCount: 3, width: 64, queryCount: 6),
    Shape(tokenCount: 35, width: 100, queryCount: 13), Shape(tokenCount: 197, width: 192, queryCount: 9),
    Shape(tokenCount: 4, width: 7, queryCount: 0),
  ]

  /// Random values that bfloat16 holds, and their bits.
  private static func random(_ count: Int, seed: UInt64) -> (values: [Float], bits: SharedBuffer<UInt16>) {
    var generator = SeededGenerator(seed: seed)
    let bits = SharedBuffer((0..<count).map { _ in pb_f32_to_bf16_reference(Float(generator.normal())) })
    return (bits.array.map(pb_bf16_to_f32_reference), bits)
  }

  @Test(arguments: CPULevel.available, shapes)
  func equalTheirReference(level: CPULevel, shape: Shape) {
    let (tokenCount, width, queryCount) = (shape.tokenCount, shape.width, shape.queryCount)
    let stride = tokenCount + 3
    let (tokens, tokenBits) = Self.random(tokenCount * width, seed: 1)
    let (queries, queryBits) = Self.random(queryCount * width, seed: 2)
    let (weights, weightBits) = Self.random(queryCount * stride, seed: 3)
    let start = Self.random(queryCount * width, seed: 4).values
    let (dots, sums) = (SharedBuffer<Float>(count: queryCount * stride), SharedBuffer(start))
    level.run {
      pb_rounded_token_dots_bf16(
        tokenBits.pointer, tokenCount, width, queryBits.pointer, queryCount, dots.pointer, stride)
      pb_rounded_token_sums_bf16(
        tokenBits.pointer, tokenCount, width, weightBits.pointer, stride, queryCount, sums.pointer,
        tokenBits.pointer)
    }
    var (expectedDots, expectedSums) = (dots.array.map { _ in Float(0) }, start)
    for query in 0..<queryCount {
      for token in 0..<tokenCount {
        expectedDots[query * stride + token] = Float(
          (0..<width).reduce(0.0) {
            $0 + Double(tokens[token * width + $1]) * Double(queries[query * width + $1])
          })
      }
      for channel in 0..<width {
        expectedSums[query * width + channel] += Float(
          (0..<tokenCount).reduce(0.0) {
            $0 + Double(weights[query * stride + $1]) * Double(tokens[$1 * width + channel])
          })
      }
    }
    // Sums of up to 197 numbers of size 1, each rounded to 6e-8 of what they have come to; nothing beyond the tokens.
    #expect(Closeness(dots.array, expectedDots).maximumDifference < 3e-5)
    #expect(Closeness(sums.array, expectedSums).maximumDifference < 3e-5)
  }

  @Test(arguments: CPULevel.available)
  func aQuerysBitsDoNotDependOnTheOthers(level: CPULevel) {
    let (tokenCount, width, queryCount) = (37, 70, 17)
    let (tokens, queries, weights) = (
      Self.random(tokenCount * width, seed: 1).bits, Self.random(queryCount * width, seed: 2).bits,
      Self.random(queryCount * tokenCount, seed: 3).bits
    )
    func results(_ range: Range<Int>) -> ([Float], [Float]) {
      let dots = SharedBuffer<Float>(count: range.count * tokenCount)
      let sums = SharedBuffer<Float>(count: range.count * width)
      level.run {
        pb_rounded_token_dots_bf16(
          tokens.pointer, tokenCount, width, queries.pointer + range.lowerBound * width, range.count,
          dots.pointer, tokenCount)
        pb_rounded_token_sums_bf16(
          tokens.pointer, tokenCount, width, weights.pointer + range.lowerBound * tokenCount, tokenCount,
          range.count, sums.pointer, nil)
      }
      return (dots.array, sums.array)
    }
    let all = results(0..<queryCount)
    for query in 0..<queryCount {
      let alone = results(query..<query + 1)
      #expect(Array(all.0[query * tokenCount..<(query + 1) * tokenCount]) == alone.0)
      #expect(Array(all.1[query * width..<(query + 1) * width]) == alone.1)
    }
  }

  @Test(arguments: CPULevel.available)
  func everyFloat16RoundsToBfloat16AsItsSingleDoes(level: CPULevel) {
    let halves = SharedBuffer((0...UInt16.max).map { $0 })
    let rounded = SharedBuffer<UInt16>(count: halves.count)
    level.run { pb_rounded_tokens(halves.pointer, rounded.pointer, halves.count) }
    // What does not fill a vector, and nothing behind it.
    for count in [0, 1, 31, 33] {
      let start = SharedBuffer<UInt16>(repeatElement(7, count: 40))
      level.run { pb_rounded_tokens(halves.pointer + 0x3C00, start.pointer, count) }
      #expect(start.array.prefix(count) == rounded.array[0x3C00..<0x3C00 + count])
      #expect(start.array.dropFirst(count).allSatisfy { $0 == 7 })
    }
    for (half, actual) in zip(halves.array, rounded.array) {
      let value = pb_f16_to_f32_reference(half)
      // A NaN stays one, whatever its payload becomes.
      let equal =
        value.isNaN
        ? pb_bf16_to_f32_reference(actual).isNaN : actual == pb_f32_to_bf16_reference(value)
      #expect(equal, "\(value) became \(actual)")
    }
  }

  /// Tokens in float16 are rounded in registers to what they are when they are rounded beforehand.
  @Test(arguments: CPULevel.available)
  func float16TokensMakeTheBitsOfRoundedOnes(level: CPULevel) {
    for shape in Self.shapes {
      let (tokenCount, width, queryCount) = (shape.tokenCount, shape.width, shape.queryCount)
      var generator = SeededGenerator(seed: 6)
      let halves = SharedBuffer(
        (0..<tokenCount * width).map { _ in pb_f32_to_f16_reference(Float(generator.normal())) })
      let rounded = SharedBuffer<UInt16>(count: halves.count)
      let queries = Self.random(queryCount * width, seed: 2).bits
      let weights = Self.random(queryCount * tokenCount, seed: 3).bits
      let dots = (0..<2).map { _ in SharedBuffer<Float>(count: queryCount * tokenCount) }
      let sums = (0..<2).map { _ in SharedBuffer<Float>(count: queryCount * width) }
      level.run {
        pb_rounded_tokens(halves.pointer, rounded.pointer, halves.count)
        pb_rounded_token_dots_bf16(
          rounded.pointer, tokenCount, width, queries.pointer, queryCount, dots[0].pointer, tokenCount)
        pb_rounded_token_dots_f16(
          halves.pointer, tokenCount, width, queries.pointer, queryCount, dots[1].pointer, tokenCount)
        pb_rounded_token_sums_bf16(
          rounded.pointer, tokenCount, width, weights.pointer, tokenCount, queryCount, sums[0].pointer, nil)
        pb_rounded_token_sums_f16(
          halves.pointer, tokenCount, width, weights.pointer, tokenCount, queryCount, sums[1].pointer, nil)
      }
      #expect(dots[0].array == dots[1].array)
      #expect(sums[0].array == sums[1].array)
    }
  }
}
