import CKernels
import Compute
import Tensors
import TestSupport
import Testing

@Suite struct QuantizationTests {
  private static let tokenCounts = [0, 1, 2, 5]
  private static let widths = [1, 3, 15, 16, 17, 31, 33, 64, 200]

  /// tools/reference/quantization.py: to the bit.
  @Test(arguments: CPULevel.available)
  func tokensAreRoundedAsNumpyDoes(level: CPULevel) throws {
    let tensors = try Safetensors.read(Fixtures.path("tokens/quantization.safetensors")).tensors
    let values = SharedBuffer(tensors["values"]!.floats())
    let scales = SharedBuffer(tensors["channel_scales"]!.floats())
    let width = scales.count
    let tokenCount = values.count / width
    let quantized = SharedBuffer<Int8>(count: values.count)
    let tokenScales = SharedBuffer<Float>(count: tokenCount)
    let widened = SharedBuffer<Float>(count: values.count)
    let isFinite = level.run {
      defer {
        StoredTokens(
          quantized: quantized.pointer, tokenCount: tokenCount, width: width,
          tokenScales: tokenScales.pointer,
          channelScales: scales.pointer
        ).decode(into: widened.pointer)
      }
      return TokenQuantizer(channelScales: scales.array).encode(
        values.pointer, tokenCount: tokenCount, into: quantized.pointer, tokenScales: tokenScales.pointer)
    }
    #expect(isFinite)
    #expect(tokenScales.array == tensors["token_scales"]!.floats())
    #expect(quantized.array == tensors["quantized"]!.withBytes { $0.map { Int8(bitPattern: $0) } })
    #expect(widened.array == tensors["widened"]!.floats())
  }

  @Test func channelScalesAreThoseOfNumpy() throws {
    let tensors = try Safetensors.read(Fixtures.path("tokens/quantization.safetensors")).tensors
    let sample = try #require(tensors["sample"])
    let (tokenCount, width) = (sample.shape[0], sample.shape[1])
    var sums = [Double](repeating: 0, count: width)
    for (index, value) in sample.floats().enumerated() {
      sums[index % width] += Double(value) * Double(value)
    }
    let scales = ChannelScales.of(squareSums: sums, tokenCount: tokenCount)
    #expect(scales == tensors["sample_scales"]!.floats())
  }

  @Test(arguments: CPULevel.available)
  func kernelsEqualTheirReferences(level: CPULevel) {
    var generator = SeededGenerator(seed: 8)
    for tokenCount in Self.tokenCounts {
      for width in Self.widths {
        let count = tokenCount * width
        let values = SharedBuffer((0..<count).map { _ in Float(generator.normal() * 5) })
        let scales = SharedBuffer((0..<width).map { _ in Float(generator.uniform(0.1, 4)) })
        // One more of each, which must stay as it is.
        let quantized = SharedBuffer([Int8](repeating: 99, count: count + 1))
        let tokenScales = SharedBuffer([Float](repeating: 99, count: tokenCount + 1))
        let (expected, expectedScales) = (SharedBuffer(quantized.array), SharedBuffer(tokenScales.array))
        let widened = SharedBuffer([Float](repeating: 99, count: count + 1))
        let expectedWidened = SharedBuffer(widened.array)
        level.run {
          #expect(
            pb_quantize_tokens(
              values.pointer, tokenCount, width, scales.pointer, quantized.pointer, tokenScales.pointer))
          pb_dequantize_tokens(
            quantized.pointer, tokenCount, width, tokenScales.pointer, scales.pointer, widened.pointer)
        }
        #expect(
          pb_quantize_tokens_reference(
            values.pointer, tokenCount, width, scales.pointer, expected.pointer, expectedScales.pointer))
        pb_dequantize_tokens_reference(
          expected.pointer, tokenCount, width, expectedScales.pointer, scales.pointer, expectedWidened.pointer
        )
        #expect(quantized.array == expected.array, "\(tokenCount) x \(width)")
        #expect(tokenScales.array == expectedScales.array, "\(tokenCount) x \(width)")
        #expect(widened.array == expectedWidened.array, "\(tokenCount) x \(width)")
      }
    }
  }

  /// A value is off by at most half a step, the token's scale times the channel's, and the roundings of 6e-8 on the way.
  @Test(arguments: CPULevel.available)
  func valuesComeBackToHalfAStep(level: CPULevel) {
    var generator = SeededGenerator(seed: 9)
    let (tokenCount, width) = (40, 50)
    let scales = SharedBuffer((0..<width).map { _ in Float(generator.uniform(0.01, 10)) })
    let values = SharedBuffer(
      (0..<tokenCount * width).map { Float(generator.normal()) * scales[$0 % width] })
    let quantized = SharedBuffer<Int8>(count: values.count)
    let tokenScales = SharedBuffer<Float>(count: tokenCount)
    let widened = SharedBuffer<Float>(count: values.count)
    level.run {
      _ = TokenQuantizer(channelScales: scales.array).encode(
        values.pointer, tokenCount: tokenCount, into: quantized.pointer, tokenScales: tokenScales.pointer)
    }
    StoredTokens(
      quantized: quantized.pointer, tokenCount: tokenCount, width: width, tokenScales: tokenScales.pointer,
      channelScales: scales.pointer
    ).decode(into: widened.pointer)
    for index in 0..<values.count {
      let step = tokenScales[index / width] * scales[index % width]
      #expect(abs(widened[index] - values[index]) <= step * 0.50005)
    }
    // Each token uses the whole range, and no more.
    for token in 0..<tokenCount {
      let largest = quantized.array[token * width..<(token + 1) * width].map { abs(Int($0)) }.max()
      #expect(largest == 127)
    }
  }

  @Test(arguments: CPULevel.available, [Float.nan, -.nan, .infinity, -.infinity, 3e38])
  func whatCannotBeStoredIsNoticedWhereverItIs(level: CPULevel, value: Float) {
    let quantizer = TokenQuantizer(channelScales: [Float](repeating: 0.5, count: 37))
    for place in [0, 15, 16, 36, 37, 73] {
      let values = SharedBuffer((0..<74).map { Float($0) })
      let quantized = SharedBuffer<Int8>(count: 74)
      let tokenScales = SharedBuffer<Float>(count: 2)
      func encode() -> Bool {
        level.run {
          quantizer.encode(
            values.pointer, tokenCount: 2, into: quantized.pointer, tokenScales: tokenScales.pointer)
        }
      }
      #expect(encode())
      values[place] = value
      #expect(!encode(), "at \(place)")
    }
  }

  @Test(arguments: CPULevel.available, [Float(0), -0.0, .leastNonzeroMagnitude, 0x1p-101, -0x1p-101])
  func tokensOfNothingAreZero(level: CPULevel, value: Float) {
    let values = SharedBuffer([Float](repeating: value, count: 20))
    let quantized = SharedBuffer([Int8](repeating: 5, count: 20))
    let tokenScales = SharedBuffer<Float>([5])
    let isFinite = level.run {
      TokenQuantizer(channelScales: [Float](repeating: 1, count: 20)).encode(
        values.pointer, tokenCount: 1, into: quantized.pointer, tokenScales: tokenScales.pointer)
    }
    #expect(isFinite && quantized.array.allSatisfy { $0 == 0 } && tokenScales[0] == 0)
  }

  @Test func channelsOfNothingHaveScalesAllTheSame() {
    #expect(ChannelScales.of(squareSums: [0, 0, 0], tokenCount: 4) == [1, 1, 1])
    let scales = ChannelScales.of(squareSums: [0, 16, 1e-30], tokenCount: 4)
    #expect(scales[1] == Float(2 * 2.0.squareRoot()).squareRoot() && scales[0] == scales[2])
    #expect(scales[0] > 0.001 && scales[0] < scales[1])
    let tiny = ChannelScales.of(squareSums: [1e-300, 1e-300], tokenCount: 1)
    #expect(tiny.allSatisfy { $0 > 0 && (1 / $0).isFinite })
  }
}
