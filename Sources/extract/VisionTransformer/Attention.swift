import CKernels
import Compute
import Files
import LinearLayers

/// A block's attention branch: `softmax(q k^T / sqrt(head width)) v` of every head, and the projection of all of them.
struct Attention: Sendable {
  private let configuration: EncoderConfiguration
  private let operands: ElementType
  /// Queries (already divided by the square root of the head width), keys and values, one after the other: `[3 D]`.
  private let queryKeyValue: LinearLayer
  private let adjustment: QueryKeyAdjustment?
  private let relativePosition: RelativePositionBias?
  private let head: pb_attention_shape
  private let norm: Norm?
  private let projection: LinearLayer

  init(
    _ reader: WeightReader, _ configuration: EncoderConfiguration, _ arithmetic: Arithmetic,
    _ shared: SharedPositions
  ) throws(InputError) {
    self.configuration = configuration
    operands = arithmetic.operands
    let (rows, width, parts) = (configuration.tokenCount, configuration.width, configuration.parts)
    let queryScale = 1 / (Float(configuration.headWidth).squareRoot() * configuration.attentionTemperature)
    adjustment = try QueryKeyAdjustment(
      reader, configuration, queryScale: queryScale, turns: shared.turns)
    let (weight, bias) = try Self.queryKeyValue(
      reader.scoped("qkv"), configuration, queryScale: parts.hasQueryKeyNorm ? 1 : queryScale)
    queryKeyValue = try arithmetic.linearLayer(
      weight: weight, bias: bias, rows: rows, result: adjustment == nil ? operands : .float32)
    relativePosition =
      parts.relativePosition == .perBlock ? try RelativePositionBias(reader, configuration) : shared.relative
    head = pb_attention_shape(
      prefix: configuration.prefixTokenCount, patches: configuration.patchCount,
      head_width: configuration.headWidth, has_class: parts.hasClassToken ? 1 : 0, input_stride: 3 * width,
      output_stride: width)
    norm = parts.hasAttentionNorm ? try Norm(reader.scoped("norm"), configuration, width: width) : nil
    let projection = reader.scoped("proj")
    self.projection = try arithmetic.linearLayer(
      weight: projection.values("weight", shape: [width, width]),
      bias: projection.bias(parts.hasProjectionBias, count: width), rows: rows, result: .float32)
  }

  /// The elements from one row of a head's attention to the next.
  static func stride(_ configuration: EncoderConfiguration) -> Int {
    pb_attention_stride(configuration.prefixTokenCount, configuration.patchCount)
  }

  /// The elements of a head's attention, with room for what its kernel needs.
  static func elementCount(_ configuration: EncoderConfiguration) -> Int {
    stride(configuration)
      * pb_attention_row_count(configuration.prefixTokenCount, configuration.patchCount)
  }

  /// The layer to queries, keys and values, its first third scaled as queries are before they meet the keys, and queries
  /// and keys in the order that rotations need.
  private static func queryKeyValue(
    _ reader: WeightReader, _ configuration: EncoderConfiguration, queryScale: Float
  ) throws(InputError) -> (weight: SharedBuffer<Float>, bias: SharedBuffer<Float>) {
    let (width, headWidth) = (configuration.width, configuration.headWidth)
    let weight = try reader.values("weight", shape: [3 * width, width])
    let bias = try reader.bias(configuration.parts.hasQKVBias, count: 3 * width)
    for index in 0..<width * width { weight.pointer[index] *= queryScale }
    for index in 0..<width { bias.pointer[index] *= queryScale }
    guard let rotary = configuration.rotary, rotary.pairing != .halves else { return (weight, bias) }
    let (placedWeight, placedBias) = (SharedBuffer(weight.buffer), SharedBuffer(bias.buffer))
    for row in 0..<2 * width {
      let place = row / headWidth * headWidth + rotary.place(row % headWidth, headWidth: headWidth)
      (placedWeight.pointer + place * width).update(from: weight.pointer + row * width, count: width)
      placedBias.pointer[place] = bias.pointer[row]
    }
    return (placedWeight, placedBias)
  }

  var scratchByteCount: Int {
    max(
      queryKeyValue.scratchByteCount, projection.scratchByteCount,
      withUnsafePointer(to: head) { pb_attention_scratch_bytes($0) })
  }

  /// From `scratch.normalized` to `scratch.branch`.
  ///
  /// - Parameters:
  ///   - statistics: `[H, 8]`, filled.
  ///   - inspect: called with each head's number and attention, `[T, stride]`; nil where nobody wants to see it.
  func apply(
    _ scratch: Encoder.Scratch, clock: StageClock<EncoderStage>?, statistics: UnsafeMutablePointer<Float>,
    inspect: ((_ head: Int, _ attention: UnsafePointer<Float>) -> Void)?
  ) {
    projectInput(scratch, clock)
    for index in 0..<configuration.headCount {
      attend(
        scratch, head: index, attention: inspect == nil ? nil : scratch.attention.pointer,
        statistics: statistics + index * AttentionStatistic.perHead.count)
      clock?.finish(.attention)
      inspect?(index, scratch.attention.pointer)
    }
    if let norm {
      let wide = scratch.branch.pointer
      operands.decode(scratch.attended.pointer, into: wide, count: scratch.branch.count)
      norm.apply(wide, rowCount: configuration.tokenCount, into: scratch.attended, as: operands)
      clock?.finish(.elementwise)
    }
    projection.apply(
      scratch.attended.pointer, into: scratch.branch.pointer, scratch: scratch.operation.pointer)
    clock?.finish(.linear)
  }

  /// From `scratch.normalized` to `scratch.queryKeyValue`.
  private func projectInput(_ scratch: Encoder.Scratch, _ clock: StageClock<EncoderStage>?) {
    let output = UnsafeMutableRawPointer(scratch.queryKeyValue.pointer)
    guard let adjustment else {
      queryKeyValue.apply(scratch.normalized.pointer, into: output, scratch: scratch.operation.pointer)
      clock?.finish(.linear)
      return
    }
    // What is adjusted is rounded once, afterwards.
    let isWide = operands == .float32
    let values = isWide ? output.assumingMemoryBound(to: Float.self) : scratch.wide.pointer
    queryKeyValue.apply(scratch.normalized.pointer, into: values, scratch: scratch.operation.pointer)
    clock?.finish(.linear)
    adjustment.apply(values)
    if !isWide {
      _ = operands.encode(values, into: output, count: 3 * configuration.tokenCount * configuration.width)
    }
    clock?.finish(.elementwise)
  }

  /// One head: `softmax(q k^T) v` into its columns of `scratch.attended`.
  private func attend(
    _ scratch: Encoder.Scratch, head index: Int, attention: UnsafeMutablePointer<Float>?,
    statistics: UnsafeMutablePointer<Float>
  ) {
    let offset = index * configuration.headWidth
    let width = configuration.width
    func apply<Element>(
      _ kernel: (
        UnsafePointer<pb_attention_shape>, UnsafePointer<Element>, UnsafePointer<Element>,
        UnsafePointer<Element>, UnsafePointer<Float>?, UnsafeMutablePointer<Element>,
        UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>, UnsafeMutableRawPointer
      ) -> Void
    ) {
      let queries =
        UnsafeRawPointer(scratch.queryKeyValue.pointer).assumingMemoryBound(to: Element.self) + offset
      let output =
        UnsafeMutableRawPointer(scratch.attended.pointer).assumingMemoryBound(to: Element.self) + offset
      withUnsafePointer(to: head) { shape in
        kernel(
          shape, queries, queries + width, queries + 2 * width, relativePosition?.values(head: index), output,
          attention, statistics, scratch.operation.pointer)
      }
    }
    switch operands {
    case .float32: apply(pb_attention_head_f32)
    default: apply(pb_attention_head_bf16)
    }
  }
}
