import CKernels
import Compute
import Foundation
import TestSupport
import Testing

/// A head whose scores are whatever a test wants: with keys that are the unit vectors, scores are the queries; and with
/// values that are, outputs are the attention.
private struct Head {
  let shape: pb_attention_shape
  /// Queries, keys and values side by side, [tokens, 3 width].
  let inputs: SharedBuffer<Float>
  let output: SharedBuffer<Float>
  let attention: SharedBuffer<Float>
  /// [tokens, stride], or nil
  let biases: SharedBuffer<Float>?
  let statistics = SharedBuffer<Float>(count: 8)

  var tokens: Int { shape.prefix + shape.patches }
  private var stride: Int { pb_attention_stride(shape.prefix, shape.patches) }

  /// - Parameter bias: what is added to a score.
  init(
    prefix: Int, patches: Int, width: Int, hasClass: Bool? = nil,
    bias: ((_ row: Int, _ column: Int) -> Float)? = nil
  ) {
    let hasClass = hasClass ?? (prefix > 0)
    shape = pb_attention_shape(
      prefix: prefix, patches: patches, head_width: width, has_class: hasClass ? 1 : 0,
      input_stride: 3 * width,
      output_stride: width + 3)
    inputs = SharedBuffer(count: (prefix + patches) * 3 * width)
    output = SharedBuffer(count: (prefix + patches) * (width + 3))
    attention = SharedBuffer(
      count: pb_attention_stride(prefix, patches) * pb_attention_row_count(prefix, patches))
    let (tokens, stride) = (prefix + patches, pb_attention_stride(prefix, patches))
    biases = bias.map { bias in
      let biases = SharedBuffer<Float>(count: tokens * stride)
      for row in 0..<tokens {
        for column in 0..<tokens { biases.pointer[row * stride + column] = bias(row, column) }
      }
      return biases
    }
  }

  /// - Parameter scores: [tokens, tokens]
  init(prefix: Int, patches: Int, scores: (_ row: Int, _ column: Int) -> Float) {
    let tokens = prefix + patches
    self.init(prefix: prefix, patches: patches, width: tokens)
    for row in 0..<tokens {
      let start = inputs.pointer + row * 3 * tokens
      for column in 0..<tokens { start[column] = scores(row, column) }
      start[tokens + row] = 1
      start[2 * tokens + row] = 1
    }
  }

  /// Scratch memory that somebody else has left NaN in, as has everything that is to be written.
  private func usedScratch() -> SharedBuffer<UInt8> {
    let scratch = SharedBuffer<UInt8>(count: withUnsafePointer(to: shape) { pb_attention_scratch_bytes($0) })
    scratch.fill(0xFF)
    attention.fill(.nan)
    statistics.fill(.nan)
    return scratch
  }

  /// - Parameter keeping: whether the attention is asked for.
  func run(_ level: CPULevel, keeping: Bool = true) {
    let scratch = usedScratch()
    let width = shape.head_width
    level.run {
      withUnsafePointer(to: shape) {
        pb_attention_head_f32(
          $0, inputs.pointer, inputs.pointer + width, inputs.pointer + 2 * width, biases?.pointer,
          output.pointer, keeping ? attention.pointer : nil, statistics.pointer, scratch.pointer)
      }
    }
  }

  /// The same in bfloat16, on the inputs rounded to it.
  func runRounded(_ level: CPULevel) {
    let scratch = usedScratch()
    let width = shape.head_width
    let rounded = SharedBuffer(inputs.array.map(pb_f32_to_bf16_reference))
    let roundedOutput = SharedBuffer<UInt16>(count: output.count)
    level.run {
      withUnsafePointer(to: shape) {
        pb_attention_head_bf16(
          $0, rounded.pointer, rounded.pointer + width, rounded.pointer + 2 * width, biases?.pointer,
          roundedOutput.pointer, attention.pointer, statistics.pointer, scratch.pointer)
      }
    }
    for index in 0..<output.count { output[index] = pb_bf16_to_f32_reference(roundedOutput[index]) }
  }

  func runReference() {
    let width = shape.head_width
    withUnsafePointer(to: shape) {
      pb_attention_head_reference(
        $0, inputs.pointer, inputs.pointer + width, inputs.pointer + 2 * width, biases?.pointer,
        output.pointer, attention.pointer, statistics.pointer)
    }
  }

  /// [tokens, tokens]
  var attentionRows: [Float] {
    (0..<tokens).flatMap { attention.array[$0 * stride..<$0 * stride + tokens] }
  }
}

struct AttentionKernelTests {
  struct Size: Sendable {
    let prefix: Int
    let patches: Int
    let width: Int
    var hasClass: Bool?
    var isBiased = false
  }

  static let sizes = [
    Size(prefix: 0, patches: 1, width: 1), Size(prefix: 1, patches: 1, width: 3),
    Size(prefix: 1, patches: 15, width: 16), Size(prefix: 1, patches: 16, width: 17),
    Size(prefix: 0, patches: 17, width: 8), Size(prefix: 5, patches: 31, width: 80),
    Size(prefix: 1, patches: 64, width: 64), Size(prefix: 1, patches: 196, width: 64),
    Size(prefix: 0, patches: 256, width: 33), Size(prefix: 3, patches: 20, width: 16, hasClass: false),
    Size(prefix: 1, patches: 49, width: 20, isBiased: true),
    Size(prefix: 0, patches: 23, width: 16, isBiased: true),
  ]

  private func random(_ size: Size, spread: Double) -> Head {
    var generator = SeededGenerator(seed: 1)
    func bias(row: Int, column: Int) -> Float { Float((row * 31 + column * 17) % 23 - 11) / 8 }
    let head = Head(
      prefix: size.prefix, patches: size.patches, width: size.width, hasClass: size.hasClass,
      bias: size.isBiased ? bias : nil)
    for index in 0..<head.inputs.count { head.inputs[index] = Float(spread * generator.normal()) }
    return head
  }

  private func expectAgreement(
    _ head: Head, _ expected: Head, tolerance: Double, _ comment: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let attention = Closeness(head.attentionRows, expected.attentionRows)
    #expect(
      attention.maximumDifference < tolerance, "\(comment): \(attention)", sourceLocation: sourceLocation)
    let output = Closeness(head.output.array, expected.output.array)
    #expect(output.relativeError < tolerance, "\(comment): \(output)", sourceLocation: sourceLocation)
    for (index, (actual, expected)) in zip(head.statistics.array, expected.statistics.array).enumerated() {
      #expect(actual.isNaN == expected.isNaN, sourceLocation: sourceLocation)
      // The adjusted attention of [cls] to itself has no bound: its divisor may be as small as 1e-6.
      let allowed = Float(3 * tolerance) * max(1, abs(expected))
      #expect(
        actual.isNaN || abs(actual - expected) < allowed,
        "\(comment), statistic \(index): \(actual) instead of \(expected)", sourceLocation: sourceLocation)
    }
  }

  /// From nearly even attention to attention on one token alone.
  @Test(arguments: sizes, CPULevel.available)
  func agreesWithItsReference(size: Size, level: CPULevel) {
    for spread in [0.0, 0.1, 1, 3] {
      let expected = random(size, spread: spread)
      expected.runReference()
      let head = random(size, spread: spread)
      head.run(level)
      // A score is a sum of `width` products, whose rounding the exponential passes on.
      let tolerance = 1e-6 * max(1, spread * spread * Double(size.width).squareRoot())
      expectAgreement(head, expected, tolerance: tolerance, "spread \(spread)")
      // Nobody looks at the attention: the same to the bit.
      let unseen = random(size, spread: spread)
      unseen.run(level, keeping: false)
      #expect(unseen.output.array == head.output.array)
      #expect(unseen.statistics.array.map(\.bitPattern) == head.statistics.array.map(\.bitPattern))
    }
  }

  @Test(arguments: sizes, CPULevel.available)
  func inBfloat16ItAgreesWithTheReferenceOfRoundedInputs(size: Size, level: CPULevel) {
    let head = random(size, spread: 0.5)
    head.runRounded(level)
    let expected = random(size, spread: 0.5)
    for index in 0..<expected.inputs.count {
      expected.inputs[index] = pb_bf16_to_f32_reference(pb_f32_to_bf16_reference(expected.inputs[index]))
    }
    expected.runReference()
    let attention = Closeness(head.attentionRows, expected.attentionRows)
    #expect(attention.maximumDifference < 1e-5, "\(attention)")
    #expect(
      Closeness(
        head.statistics.array.filter { !$0.isNaN }, expected.statistics.array.filter { !$0.isNaN }
      ).maximumDifference < 1e-5)
    // Attention and outputs are rounded by at most 2^-8 each.
    let output = Closeness(head.output.array, expected.output.array)
    #expect(output.relativeError < 0x1p-7, "\(output)")
  }

  /// Scores of any spread, given as they are.
  @Test(arguments: CPULevel.available, [0.0, 1, 5, 200])
  func everySpreadOfScoresIsSoftened(level: CPULevel, spread: Double) {
    for (prefix, patches) in [(1, 64), (0, 33), (5, 31)] {
      var generator = SeededGenerator(seed: 2)
      let scores = (0..<(prefix + patches) * (prefix + patches)).map { _ in
        Float(spread * generator.normal() - 3)
      }
      func make() -> Head {
        Head(prefix: prefix, patches: patches) { scores[$0 * (prefix + patches) + $1] }
      }
      let (head, expected) = (make(), make())
      head.run(level)
      expected.runReference()
      expectAgreement(head, expected, tolerance: 1e-6, "spread \(spread)")
    }
  }

  @Test(arguments: CPULevel.available)
  func evenAttentionHasTheLargestEntropy(level: CPULevel) {
    let head = Head(prefix: 1, patches: 100) { _, _ in 12 }
    head.run(level)
    let share = Float(1.0 / 101)
    let expected: [Float] = [share, share, 0.01, 0.01, share, share, log(100), log(100)]
    // The small terms in the definition take up to 100 x 1e-6 off an entropy.
    #expect(Closeness(head.statistics.array, expected).maximumDifference < 2e-4)
    let attention = head.attentionRows
    #expect(Closeness(attention, attention.map { _ in share }).maximumDifference < 1e-8)
  }

  @Test(arguments: CPULevel.available, [Float.nan, -.nan, .infinity - .infinity])
  func aNaNStaysInItsRow(level: CPULevel, value: Float) {
    let head = Head(prefix: 1, patches: 32) { row, column in (row, column) == (5, 20) ? value : 1 }
    head.run(level)
    let rows = (0..<33).filter { row in
      head.attentionRows[row * 33..<(row + 1) * 33].contains(where: \.isNaN)
    }
    #expect(rows == [5])
    #expect(!head.statistics[0].isNaN && head.statistics[1].isNaN && head.statistics[7].isNaN)
  }
}
