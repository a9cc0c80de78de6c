import CKernels
import Compute
import Files
import LinearLayers

/// A pre-norm Transformer block: `x += ls1(attention(norm1(x)))`, then `x += ls2(mlp(norm2(x)))`.
struct Block: Sendable {
  private let configuration: EncoderConfiguration
  private let operands: ElementType
  private let attentionNorm: LayerNorm
  private let attention: Attention
  private let attentionScale: SharedBuffer<Float>
  private let perceptronNorm: LayerNorm
  private let expansion: LinearLayer
  /// With its learned scale, which is linear, inside.
  private let contraction: LinearLayer

  init(
    _ reader: WeightReader, _ configuration: EncoderConfiguration, _ arithmetic: Arithmetic
  ) throws(InputError) {
    self.configuration = configuration
    operands = arithmetic.operands
    let (width, mlpWidth) = (configuration.width, configuration.mlpWidth)
    let (rows, epsilon) = (configuration.tokenCount, configuration.layerNormEpsilon)
    attentionNorm = try LayerNorm(reader.scoped("norm1"), width: width, epsilon: epsilon)
    attention = try Attention(reader.scoped("attn"), configuration, arithmetic)
    attentionScale = try Self.layerScale(reader.scoped("ls1"), configuration)
    perceptronNorm = try LayerNorm(reader.scoped("norm2"), width: width, epsilon: epsilon)
    let expansion = reader.scoped("mlp.fc1")
    self.expansion = try arithmetic.linearLayer(
      weight: expansion.values("weight", shape: [mlpWidth, width]),
      bias: expansion.values("bias", shape: [mlpWidth]), rows: rows, result: operands,
      completion: .store(configuration.activation))
    let contraction = reader.scoped("mlp.fc2")
    let weight = try contraction.values("weight", shape: [width, mlpWidth])
    let bias = try contraction.values("bias", shape: [width])
    let scale = try Self.layerScale(reader.scoped("ls2"), configuration)
    for output in 0..<width {
      for input in 0..<mlpWidth { weight.pointer[output * mlpWidth + input] *= scale.pointer[output] }
      bias.pointer[output] *= scale.pointer[output]
    }
    self.contraction = try arithmetic.linearLayer(
      weight: weight, bias: bias, rows: rows, result: .float32, completion: .add)
  }

  /// The learned scale of a branch, or ones.
  private static func layerScale(
    _ reader: WeightReader, _ configuration: EncoderConfiguration
  ) throws(InputError) -> SharedBuffer<Float> {
    if configuration.hasLayerScale { return try reader.values("gamma", shape: [configuration.width]) }
    return SharedBuffer(repeatElement(1, count: configuration.width))
  }

  var isWidened: Bool { contraction.isWidened }

  var scratchByteCount: Int {
    max(attention.scratchByteCount, expansion.scratchByteCount, contraction.scratchByteCount)
  }

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
    let operation = scratch.operation.pointer
    expansion.apply(scratch.normalized.pointer, into: scratch.hidden.pointer, scratch: operation)
    contraction.apply(scratch.hidden.pointer, into: residual, scratch: operation)
    clock?.finish(.linear)
  }

  /// From every token's magnitude to that of [cls] (NaN without one) and the mean over the patches.
  private func summarize(_ perToken: UnsafePointer<Float>, into magnitudes: UnsafeMutablePointer<Float>) {
    var sum = 0.0
    for token in configuration.prefixTokenCount..<configuration.tokenCount { sum += Double(perToken[token]) }
    magnitudes[0] = configuration.hasClassToken ? perToken[0] : .nan
    magnitudes[1] = Float(sum / Double(configuration.patchCount))
  }
}
