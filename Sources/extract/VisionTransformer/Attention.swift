import CKernels
import Compute
import Files
import MatrixProducts

/// A block's attention branch: `softmax(q k^T / sqrt(head width)) v` of every head, and the projection of all of them.
struct Attention: Sendable {
  private let configuration: EncoderConfiguration
  private let operands: ElementType
  /// Queries (already divided by the square root of the head width), keys and values, one after the other: `[3 D]`.
  private let queryKeyValue: LinearLayer
  /// One head's `q k^T`, `[T, T]`.
  private let scores: any MatrixProduct
  /// One head's `attention v`, `[T, head width]`.
  private let values: any MatrixProduct
  private let projection: LinearLayer

  init(
    _ reader: WeightReader, _ configuration: EncoderConfiguration, _ arithmetic: Arithmetic
  ) throws(InputError) {
    self.configuration = configuration
    operands = arithmetic.operands
    let (tokenCount, width) = (configuration.tokenCount, configuration.width)
    let headWidth = configuration.headWidth
    let (weight, bias) = try Self.queryKeyValue(reader.scoped("qkv"), configuration)
    queryKeyValue = try LinearLayer(
      weight: weight, bias: bias, rowCount: tokenCount, arithmetic: arithmetic, result: operands)
    scores = try arithmetic.engine.prepare(
      ProductShape(
        rows: tokenCount, depth: headWidth, columns: tokenCount, operands: operands, result: .float32,
        leftStride: 3 * width, right: .columns(stride: 3 * width), resultStride: Self.stride(configuration)))
    values = try arithmetic.engine.prepare(
      ProductShape(
        rows: tokenCount, depth: tokenCount, columns: headWidth, operands: operands, result: operands,
        leftStride: Self.stride(configuration), right: .rows(stride: 3 * width), resultStride: width))
    let projection = reader.scoped("proj")
    self.projection = try LinearLayer(
      weight: projection.values("weight", shape: [width, width]),
      bias: projection.values("bias", shape: [width]), rowCount: tokenCount, arithmetic: arithmetic,
      result: .float32)
  }

  /// The elements from one row of a head's attention to the next: whole blocks of the kernel that sweeps them.
  static func stride(_ configuration: EncoderConfiguration) -> Int {
    pb_attention_padded(configuration.prefixTokenCount + pb_attention_padded(configuration.patchCount))
  }

  /// The layer to queries, keys and values, its first third scaled as queries are before they meet the keys.
  private static func queryKeyValue(
    _ reader: WeightReader, _ configuration: EncoderConfiguration
  ) throws(InputError) -> (weight: SharedBuffer<Float>, bias: SharedBuffer<Float>) {
    let width = configuration.width
    let weight = try reader.values("weight", shape: [3 * width, width])
    let bias =
      configuration.hasQKVBias
      ? try reader.values("bias", shape: [3 * width]) : SharedBuffer<Float>(count: 3 * width)
    let scale = 1 / (Float(configuration.headWidth).squareRoot() * configuration.attentionTemperature)
    for index in 0..<width * width { weight.pointer[index] *= scale }
    for index in 0..<width { bias.pointer[index] *= scale }
    return (weight, bias)
  }

  var scratchByteCount: Int {
    max(
      queryKeyValue.scratchByteCount, scores.scratchByteCount, values.scratchByteCount,
      projection.scratchByteCount)
  }

  /// From `scratch.normalized` to `scratch.branch`.
  ///
  /// - Parameters:
  ///   - statistics: `[H, 8]`, filled.
  ///   - inspect: called with each head's number and attention, `[T, stride]`.
  func apply(
    _ scratch: Encoder.Scratch, clock: StageClock<EncoderStage>?, statistics: UnsafeMutablePointer<Float>,
    inspect: (_ head: Int, _ attention: UnsafePointer<Float>) -> Void
  ) {
    queryKeyValue.apply(scratch.normalized, into: scratch.queryKeyValue.pointer, scratch: scratch.product)
    clock?.finish(.linear)
    for head in 0..<configuration.headCount {
      attend(scratch, clock, head: head, statistics: statistics + head * AttentionStatistic.perHead.count)
      inspect(head, scratch.attention.pointer)
    }
    projection.apply(scratch.attended, into: scratch.branch.pointer, scratch: scratch.product)
    clock?.finish(.linear)
  }

  /// One head: `softmax(q k^T) v` into its columns of `scratch.attended`, with its attention left in
  /// `scratch.attention`.
  private func attend(
    _ scratch: Encoder.Scratch, _ clock: StageClock<EncoderStage>?, head: Int,
    statistics: UnsafeMutablePointer<Float>
  ) {
    let headOffset = head * configuration.headWidth * operands.byteCount
    let widthOffset = configuration.width * operands.byteCount
    let queries = UnsafeRawPointer(scratch.queryKeyValue.pointer + headOffset)
    let attention = scratch.attention.pointer
    scores.run(queries, .matrix(queries + widthOffset), into: attention, scratch: scratch.product.pointer)
    clock?.finish(.attentionProducts)
    let rounded = operands == .float32 ? nil : scratch.roundedAttention.pointer
    pb_softmax_with_statistics(
      attention, Self.stride(configuration), configuration.prefixTokenCount, configuration.patchCount,
      rounded,
      statistics)
    clock?.finish(.softmax)
    values.run(
      rounded.map { UnsafeRawPointer($0) } ?? UnsafeRawPointer(attention),
      .matrix(queries + 2 * widthOffset), into: scratch.attended.pointer + headOffset,
      scratch: scratch.product.pointer)
    clock?.finish(.attentionProducts)
  }
}
