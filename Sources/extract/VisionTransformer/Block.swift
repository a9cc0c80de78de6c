import CKernels
import Compute
import Files

/// A pre-norm Transformer block: `x += ls1(attention(norm1(x)))`, then `x += ls2(mlp(norm2(x)))`.
struct Block: Sendable {
  private let configuration: EncoderConfiguration
  private let attentionNorm: LayerNorm
  /// Queries (already divided by the square root of the head width), keys and values, one after the other: `[3 D]`.
  private let queryKeyValue: LinearLayer
  private let projection: LinearLayer
  private let attentionScale: SharedBuffer<Float>
  private let perceptronNorm: LayerNorm
  private let expansion: LinearLayer
  private let contraction: LinearLayer
  private let perceptronScale: SharedBuffer<Float>

  init(_ reader: WeightReader, _ configuration: EncoderConfiguration) throws(InputError) {
    self.configuration = configuration
    let (width, mlpWidth) = (configuration.width, configuration.mlpWidth)
    let epsilon = configuration.layerNormEpsilon
    attentionNorm = try LayerNorm(reader.scoped("norm1"), width: width, epsilon: epsilon)
    queryKeyValue = try Self.queryKeyValue(reader.scoped("attn.qkv"), configuration)
    projection = try LinearLayer(reader.scoped("attn.proj"), inputWidth: width, outputWidth: width)
    attentionScale = try Self.layerScale(reader.scoped("ls1"), configuration)
    perceptronNorm = try LayerNorm(reader.scoped("norm2"), width: width, epsilon: epsilon)
    expansion = try LinearLayer(reader.scoped("mlp.fc1"), inputWidth: width, outputWidth: mlpWidth)
    contraction = try LinearLayer(reader.scoped("mlp.fc2"), inputWidth: mlpWidth, outputWidth: width)
    perceptronScale = try Self.layerScale(reader.scoped("ls2"), configuration)
  }

  /// The layer to queries, keys and values, its first third scaled as queries are before they meet the keys.
  private static func queryKeyValue(
    _ reader: WeightReader, _ configuration: EncoderConfiguration
  ) throws(InputError) -> LinearLayer {
    let width = configuration.width
    let weight = try reader.values("weight", shape: [3 * width, width])
    let bias =
      configuration.hasQKVBias
      ? try reader.values("bias", shape: [3 * width]) : SharedBuffer<Float>(count: 3 * width)
    let scale = 1 / Float(configuration.headWidth).squareRoot()
    for index in 0..<width * width { weight.pointer[index] *= scale }
    for index in 0..<width { bias.pointer[index] *= scale }
    return LinearLayer(weight: weight, bias: bias)
  }

  /// The learned scale of a branch, or ones.
  private static func layerScale(
    _ reader: WeightReader, _ configuration: EncoderConfiguration
  ) throws(InputError) -> SharedBuffer<Float> {
    if configuration.hasLayerScale { return try reader.values("gamma", shape: [configuration.width]) }
    return SharedBuffer(repeatElement(1, count: configuration.width))
  }

  /// Replaces the tokens in `scratch.residual` by the block's output.
  ///
  /// - Parameters:
  ///   - attentionStatistics: `[H, 8]`, filled.
  ///   - magnitudes: `[2]`, filled.
  ///   - inspect: called with each head's number and attention, `[T, T]`.
  func apply(
    _ scratch: Encoder.Scratch, attentionStatistics: UnsafeMutablePointer<Float>,
    magnitudes: UnsafeMutablePointer<Float>, inspect: (_ head: Int, _ attention: UnsafePointer<Float>) -> Void
  ) {
    let tokenCount = configuration.tokenCount
    let residual = scratch.residual.pointer
    attentionNorm.apply(residual, rowCount: tokenCount, into: scratch.normalized.pointer)
    queryKeyValue.apply(scratch.normalized.pointer, rowCount: tokenCount, into: scratch.queryKeyValue.pointer)
    for head in 0..<configuration.headCount {
      attend(scratch, head: head, statistics: attentionStatistics + head * AttentionStatistic.perHead.count)
      inspect(head, scratch.attention.pointer)
    }
    projection.apply(
      scratch.attended.pointer, rowCount: tokenCount, scale: attentionScale.pointer, addingTo: residual,
      magnitudes: scratch.magnitudes.pointer, scratch: scratch.branch.pointer)
    summarize(scratch.magnitudes.pointer, into: magnitudes)

    perceptronNorm.apply(residual, rowCount: tokenCount, into: scratch.normalized.pointer)
    expansion.apply(
      scratch.normalized.pointer, rowCount: tokenCount, activation: configuration.activation,
      into: scratch.hidden.pointer)
    contraction.apply(
      scratch.hidden.pointer, rowCount: tokenCount, scale: perceptronScale.pointer, addingTo: residual,
      scratch: scratch.branch.pointer)
  }

  /// One head: `softmax(q k^T) v` into its columns of `scratch.attended`, with its attention left in
  /// `scratch.attention`.
  private func attend(_ scratch: Encoder.Scratch, head: Int, statistics: UnsafeMutablePointer<Float>) {
    let (tokenCount, width, headWidth) = (
      configuration.tokenCount, configuration.width, configuration.headWidth
    )
    let queries = scratch.queryKeyValue.pointer + head * headWidth
    let keys = queries + width
    let values = keys + width
    let attention = scratch.attention.pointer
    BLAS.multiply(
      transposeB: true, m: tokenCount, n: tokenCount, k: headWidth, a: queries, leadingA: 3 * width,
      b: keys, leadingB: 3 * width, c: attention, leadingC: tokenCount)
    pb_softmax_with_statistics(
      attention, tokenCount, configuration.prefixTokenCount, configuration.patchCount, statistics)
    BLAS.multiply(
      m: tokenCount, n: headWidth, k: tokenCount, a: attention, leadingA: tokenCount, b: values,
      leadingB: 3 * width, c: scratch.attended.pointer + head * headWidth, leadingC: width)
  }

  /// From every token's magnitude to that of [cls] (NaN without one) and the mean over the patches.
  private func summarize(_ perToken: UnsafePointer<Float>, into magnitudes: UnsafeMutablePointer<Float>) {
    var sum = 0.0
    for token in configuration.prefixTokenCount..<configuration.tokenCount { sum += Double(perToken[token]) }
    magnitudes[0] = configuration.hasClassToken ? perToken[0] : .nan
    magnitudes[1] = Float(sum / Double(configuration.patchCount))
  }
}
