import CKernels
import Compute
import TestSupport
import Testing

/// Tokens of every stored type behave like the single-precision ones that they widen to.
@Suite struct StoredTokensTests {
  /// Random tokens in a stored type, with the memory behind them.
  private struct Sample {
    let bytes: SharedBuffer<UInt8>
    let tokenScales: SharedBuffer<Float>
    let channelScales: SharedBuffer<Float>
    let tokens: StoredTokens

    init(_ type: ElementType, tokenCount: Int, width: Int, _ generator: inout SeededGenerator) {
      let values = SharedBuffer((0..<tokenCount * width).map { _ in Float(generator.normal()) })
      bytes = SharedBuffer(count: values.count * type.byteCount)
      tokenScales = SharedBuffer(count: tokenCount)
      channelScales = SharedBuffer((0..<width).map { _ in Float(generator.uniform(0.25, 4)) })
      guard type == .int8 else {
        type.encode(values.pointer, into: bytes.pointer, count: values.count)
        tokens = StoredTokens(type, bytes.pointer, tokenCount: tokenCount, width: width)
        return
      }
      let quantized = UnsafeMutableRawPointer(bytes.pointer).assumingMemoryBound(to: Int8.self)
      _ = TokenQuantizer(channelScales: channelScales.array).encode(
        values.pointer, tokenCount: tokenCount, into: quantized, tokenScales: tokenScales.pointer)
      tokens = StoredTokens(
        quantized: quantized, tokenCount: tokenCount, width: width, tokenScales: tokenScales.pointer,
        channelScales: channelScales.pointer)
    }
  }

  /// Sums of up to 200 products of size 1, each rounded to a few times 6e-8.
  @Test(arguments: CPULevel.available, [ElementType.float32, .float16, .bfloat16, .int8])
  func productsAreThoseOfTheWidenedTokens(level: CPULevel, type: ElementType) {
    var generator = SeededGenerator(seed: 6)
    for tokenCount in [0, 1, 3, 4, 5, 17, 33] {
      for width in [1, 7, 16, 17, 33, 64, 200] {
        let sample = Sample(type, tokenCount: tokenCount, width: width, &generator)
        let widened = SharedBuffer<Float>(count: tokenCount * width)
        level.run { sample.tokens.decode(into: widened.pointer) }
        for queryCount in [1, 2, 3, 4, 5, 6, 7, 13] {
          let queries = SharedBuffer((0..<queryCount * width).map { _ in Float(generator.normal()) })
          let stride = tokenCount + 3
          let weights = SharedBuffer((0..<queryCount * stride).map { _ in Float(generator.normal()) })
          let sums = SharedBuffer((0..<queryCount * width).map { _ in Float(generator.normal()) })
          let expectedSums = SharedBuffer(sums.array)
          let (dots, expectedDots) = (
            SharedBuffer<Float>(count: queryCount * stride), SharedBuffer<Float>(count: queryCount * stride)
          )
          level.run {
            sample.tokens.dots(
              queries: queries.pointer, count: queryCount, into: dots.pointer, stride: stride)
            sample.tokens.addWeightedSums(
              weights: weights.pointer, stride: stride, count: queryCount, to: sums.pointer)
          }
          pb_token_dots_reference(
            widened.pointer, tokenCount, width, queries.pointer, queryCount, expectedDots.pointer, stride)
          pb_token_weighted_sums_reference(
            widened.pointer, tokenCount, width, weights.pointer, stride, queryCount, expectedSums.pointer)
          let place = Comment(rawValue: "\(tokenCount) x \(width), \(queryCount) queries")
          #expect(Closeness(dots.array, expectedDots.array).maximumDifference < 5e-5, place)
          #expect(Closeness(sums.array, expectedSums.array).maximumDifference < 3e-5, place)
        }
      }
    }
  }

  /// Heads train side by side without a bit of difference to training alone.
  @Test(arguments: CPULevel.available, [ElementType.float32, .float16, .bfloat16, .int8])
  func aQuerysResultsDoNotDependOnTheOthers(level: CPULevel, type: ElementType) {
    var generator = SeededGenerator(seed: 8)
    for (tokenCount, width) in [(17, 33), (50, 200), (33, 192)] {
      let sample = Sample(type, tokenCount: tokenCount, width: width, &generator)
      let queries = SharedBuffer((0..<13 * width).map { _ in Float(generator.normal()) })
      let weights = SharedBuffer((0..<13 * tokenCount).map { _ in Float(generator.normal()) })
      let (dots, sums) = (SharedBuffer<Float>(count: 13 * tokenCount), SharedBuffer<Float>(count: 13 * width))
      let (dot, sum) = (SharedBuffer<Float>(count: tokenCount), SharedBuffer<Float>(count: width))
      level.run {
        sample.tokens.dots(queries: queries.pointer, count: 13, into: dots.pointer, stride: tokenCount)
        sample.tokens.addWeightedSums(
          weights: weights.pointer, stride: tokenCount, count: 13, to: sums.pointer)
        for query in 0..<13 {
          sum.fill(0)
          sample.tokens.dots(query: queries.pointer + query * width, into: dot.pointer)
          sample.tokens.addWeightedSum(weights: weights.pointer + query * tokenCount, to: sum.pointer)
          #expect(dot.array == Array(dots.array[query * tokenCount..<(query + 1) * tokenCount]), "\(query)")
          #expect(sum.array == Array(sums.array[query * width..<(query + 1) * width]), "\(query)")
        }
      }
    }
  }

  @Test(arguments: [ElementType.float32, .float16, .bfloat16, .int8])
  func someOfTheTokensAreAmongAll(type: ElementType) {
    var generator = SeededGenerator(seed: 7)
    let sample = Sample(type, tokenCount: 9, width: 5, &generator)
    let all = SharedBuffer<Float>(count: 45)
    sample.tokens.decode(into: all.pointer)
    for range in [0..<9, 0..<1, 1..<9, 3..<4, 4..<4] {
      let part = SharedBuffer<Float>(count: range.count * 5)
      let tokens = sample.tokens[range]
      tokens.decode(into: part.pointer)
      #expect(part.array == Array(all.array[range.lowerBound * 5..<range.upperBound * 5]), "\(range)")
      #expect(
        Array(tokens.bytes)
          == Array(
            sample.tokens.bytes[range.lowerBound * 5 * type.byteCount..<range.upperBound * 5 * type.byteCount]
          ))
      #expect(
        tokens.tokenScales.map { Array($0) } == (type == .int8 ? Array(sample.tokenScales.array[range]) : nil)
      )
    }
  }
}
