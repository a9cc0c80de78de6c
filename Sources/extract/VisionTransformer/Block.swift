import CKernels
import Compute
import Files
import LinearLayers

/// A pre-norm Transformer block: `x += ls1(attention(norm1(x)))`, then `x += ls2(mlp(norm2(x)))`.
struct Block: Sendable {
  private let configuration: EncoderConfiguration
  private let operands: ElementType
  private let attentionNorm: Norm
  private let attention: Attention
  private let attentionScale: SharedBuffer<Float>
  private let perceptronNorm: Norm
  private let perceptron: Perceptron

  init(
    _ reader: WeightReader, _ configuration: EncoderConfiguration, _ arithmetic: Arithmetic,
    _ positions: SharedPositions
  ) throws(InputError) {
    self.configuration = configuration
    operands = arithmetic.operands
    let width = configuration.width
    attentionNorm = try Norm(reader.scoped("norm1"), configuration, width: width)
    attention = try Attention(reader.scoped("attn"), configuration, arithmetic, positions)
    attentionScale = try Self.layerScale(reader.scoped("ls1"), configuration)
    perceptronNorm = try Norm(reader.scoped("norm2"), configuration, width: width)
    perceptron = try Perceptron(
      reader.scoped("mlp"), configuration, arithmetic,
      scale: Self.layerScale(reader.scoped("ls2"), configuration))
  }

  /// The learned scale of a branch, or ones.
  private static func layerScale(
    _ reader: WeightReader, _ configuration: EncoderConfiguration
  ) throws(InputError) -> SharedBuffer<Float> {
    if configuration.parts.hasLayerScale { return try reader.values("gamma", shape: [configuration.width]) }
    return SharedBuffer(repeatElement(1, count: configuration.width))
  }

  var isWidened: Bool { perceptron.isWidened }
  var scratchByteCount: Int { max(attention.scratchByteCount, perceptron.scratchByteCount) }

  /// Replaces the tokens in `scratch.residual` by the block's output.
  ///
  /// - Parameters:
  ///   - attentionStatistics: `[H, 8]`, filled.
  ///   - magnitudes: `[2]`, filled.
  ///   - inspect: called with each head's number and attention, `[T, stride]`; nil where nobody wants to see it.
  func apply(
    _ scratch: Encoder.Scratch, clock: StageClock<EncoderStage>?,
    attentionStatistics: UnsafeMutablePointer<Float>, magnitudes: UnsafeMutablePointer<Float>,
    inspect: ((_ head: Int, _ attention: UnsafePointer<Float>) -> Void)?
  ) {
    let rowCount = configuration.tokenCount
    let residual = scratch.residual.pointer
    attentionNorm.apply(residual, rowCount: rowCount, into: scratch.normalized, as: operands)
    clock?.finish(.elementwise)
    attention.apply(scratch, clock: clock, statistics: attentionStatistics, inspect: inspect)
    pb_add_residual_with_magnitudes(
      scratch.branch.pointer, attentionScale.pointer, residual, rowCount, configuration.width,
      scratch.magnitudes.pointer)
    summarize(scratch.magnitudes.pointer, into: magnitudes)

    perceptronNorm.apply(residual, rowCount: rowCount, into: scratch.normalized, as: operands)
    clock?.finish(.elementwise)
    perceptron.apply(scratch, clock: clock)
  }

  /// From every token's magnitude to that of [cls] (NaN without one) and the mean over the patches.
  private func summarize(_ perToken: UnsafePointer<Float>, into magnitudes: UnsafeMutablePointer<Float>) {
    var sum = 0.0
    for token in configuration.prefixTokenCount..<configuration.tokenCount { sum += Double(perToken[token]) }
    magnitudes[0] = configuration.parts.hasClassToken ? perToken[0] : .nan
    magnitudes[1] = Float(sum / Double(configuration.patchCount))
  }
}
