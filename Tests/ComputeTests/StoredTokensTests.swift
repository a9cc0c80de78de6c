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

  @Test(arguments: CPULevel.available, [ElementType.float32, .float16, .bfloat16, .int8])
  func productsAreThoseOfTheWidenedTokens(level: CPULevel, type: ElementType) {
    var generator = SeededGenerator(seed: 6)
    for tokenCount in [0, 1, 3, 4, 5, 17] {
      for width in [1, 7, 16, 17, 33, 200] {
        let sample = Sample(type, tokenCount: tokenCount, width: width, &generator)
        let widened = SharedBuffer<Float>(count: tokenCount * width)
        let query = SharedBuffer((0..<width).map { _ in Float(generator.normal()) })
        let weights = SharedBuffer((0..<tokenCount).map { _ in Float(generator.normal()) })
        let sum = SharedBuffer((0..<width).map { _ in Float(generator.normal()) })
        let expectedSum = SharedBuffer(sum.array)
        let (dots, expectedDots) = (
          SharedBuffer<Float>(count: tokenCount), SharedBuffer<Float>(count: tokenCount)
        )
        level.run {
          sample.tokens.decode(into: widened.pointer)
          sample.tokens.dots(query: query.pointer, into: dots.pointer)
          sample.tokens.addWeightedSum(weights: weights.pointer, to: sum.pointer)
        }
        pb_token_dots_reference(widened.pointer, tokenCount, width, query.pointer, expectedDots.pointer)
        pb_token_weighted_sum_reference(
          widened.pointer, tokenCount, width, weights.pointer, expectedSum.pointer)
        // Sums of up to 200 products of size 1, each rounded to a few times 6e-8.
        #expect(
          Closeness(dots.array, expectedDots.array).maximumDifference < 5e-5, "\(tokenCount) x \(width)")
        #expect(Closeness(sum.array, expectedSum.array).maximumDifference < 2e-5, "\(tokenCount) x \(width)")
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
