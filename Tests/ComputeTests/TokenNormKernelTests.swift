import CKernels
import Compute
import TestSupport
import Testing

/// The kernels of the token norm against their references, at every level that the machine has.
@Suite struct TokenNormKernelTests {
  private static let tokenCounts = [0, 1, 3, 5]
  private static let widths = [1, 2, 7, 15, 16, 17, 31, 33, 64, 200, 769]
  private static let epsilon: Float = 1e-6

  /// Tokens of standard deviation 1, or with a mean of many deviations: there a sum of squares would cancel.
  @Test(arguments: CPULevel.available, StoredSample.types)
  func kernelsEqualTheirReferences(level: CPULevel, type: ElementType) {
    var generator = SeededGenerator(seed: 15)
    for (tokenCount, offset) in Self.tokenCounts.flatMap({ [($0, 0.0), ($0, 30.0)] }) {
      for width in Self.widths {
        let sample = StoredSample(
          (0..<tokenCount * width).map { _ in Float(generator.normal() + offset) }, as: type,
          tokenCount: tokenCount, width: width)
        let weight = SharedBuffer((0..<width).map { _ in Float(generator.uniform(-2, 2)) })
        let bias = SharedBuffer((0..<width).map { _ in Float(generator.normal()) })
        let (mean, inverse) = (
          SharedBuffer<Float>(count: tokenCount), SharedBuffer<Float>(count: tokenCount)
        )
        let (expectedMean, expectedInverse) = (SharedBuffer(mean.array), SharedBuffer(mean.array))
        let out = SharedBuffer<Float>(count: tokenCount * width)
        let expected = SharedBuffer(out.array)
        pb_token_moments_reference(
          sample.values.pointer, tokenCount, width, Self.epsilon, expectedMean.pointer,
          expectedInverse.pointer)
        pb_token_norm_reference(
          sample.values.pointer, tokenCount, width, weight.pointer, bias.pointer, 1, Self.epsilon,
          expected.pointer)
        level.run {
          sample.tokens.moments(
            epsilon: Self.epsilon, mean: mean.pointer, inverseDeviation: inverse.pointer)
          sample.tokens.normalize(
            weight: weight.pointer, bias: bias.pointer, epsilon: Self.epsilon, into: out.pointer)
        }
        for token in 0..<tokenCount {
          // The mean is corrected by the second pass: a few roundings of its largest summand. In 8 bits the scales'
          // products round as well, in another order than in the widened values.
          let size = (sample.values.array[token * width..<(token + 1) * width].map(abs).max() ?? 0)
          #expect(
            abs(mean[token] - expectedMean[token]) <= 3e-7 * size, "\(tokenCount) x \(width), \(offset)")
          // Roundings of values enter their deviations, which are as much smaller as the offset is large. A single value
          // deviates by nothing but what rounding does, against a root of epsilon of 1e-3.
          let amplified = size * expectedInverse[token]
          #expect(
            abs(inverse[token] / expectedInverse[token] - 1) <= 1e-6 * max(1, width == 1 ? size : amplified),
            "\(tokenCount) x \(width), \(offset)")
          let places = token * width..<(token + 1) * width
          #expect(
            Closeness(out.array[places], expected.array[places]).maximumDifference
              <= 2e-6 * Double(max(1, amplified)),
            "\(tokenCount) x \(width), \(offset)")
        }
      }
    }
  }

  @Test(arguments: CPULevel.available, StoredSample.types)
  func withoutAMeanItIsTheRootOfTheMeanSquare(level: CPULevel, type: ElementType) {
    var generator = SeededGenerator(seed: 16)
    for width in Self.widths {
      let sample = StoredSample(
        (0..<3 * width).map { _ in Float(generator.normal() + 2) }, as: type, tokenCount: 3, width: width)
      let weight = SharedBuffer((0..<width).map { _ in Float(generator.uniform(-2, 2)) })
      let bias = SharedBuffer((0..<width).map { _ in Float(generator.normal()) })
      let (out, expected) = (SharedBuffer<Float>(count: 3 * width), SharedBuffer<Float>(count: 3 * width))
      pb_token_norm_reference(
        sample.values.pointer, 3, width, weight.pointer, bias.pointer, 0, Self.epsilon, expected.pointer)
      level.run {
        sample.tokens.normalize(
          weight: weight.pointer, bias: bias.pointer, centers: false, epsilon: Self.epsilon,
          into: out.pointer)
      }
      #expect(Closeness(out.array, expected.array).maximumDifference <= 3e-6, "width \(width)")
    }
  }

  /// A token of equal values has no deviation, and rounding must not make the variance negative.
  @Test(arguments: CPULevel.available, StoredSample.types)
  func equalValuesBecomeTheBias(level: CPULevel, type: ElementType) {
    for value: Float in [0, 0.1, -3.3, 1000] {
      let width = 37
      let sample = StoredSample(
        [Float](repeating: value, count: 2 * width), as: type, tokenCount: 2, width: width,
        channelScales: [Float](repeating: 1, count: width))
      let weight = SharedBuffer([Float](repeating: 1, count: width))
      let bias = SharedBuffer((0..<width).map { Float($0) })
      let out = SharedBuffer<Float>(count: 2 * width)
      level.run {
        sample.tokens.normalize(weight: weight.pointer, bias: bias.pointer, epsilon: 1e-6, into: out.pointer)
      }
      // The mean is right to rounding: 6e-8 of the value, over the root of epsilon.
      #expect(
        Closeness(out.array, bias.array + bias.array).maximumDifference <= 6e-5 * Double(abs(value)) + 1e-6)
    }
  }

  @Test(arguments: CPULevel.available)
  func whatIsNoNumberStaysNone(level: CPULevel) {
    var values = [Float](repeating: 1, count: 40)
    values[3] = .nan
    let sample = StoredSample(values, as: .float32, tokenCount: 2, width: 20)
    let (mean, inverse) = (SharedBuffer<Float>(count: 2), SharedBuffer<Float>(count: 2))
    level.run {
      sample.tokens.moments(epsilon: 1e-6, mean: mean.pointer, inverseDeviation: inverse.pointer)
    }
    #expect(mean[0].isNaN && inverse[0].isNaN)
    #expect(mean[1] == 1 && abs(inverse[1] - 1000) < 1)
  }
}
