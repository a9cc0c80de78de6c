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
  private let head: pb_attention_shape
  private let projection: LinearLayer

  init(
    _ reader: WeightReader, _ configuration: EncoderConfiguration, _ arithmetic: Arithmetic
  ) throws(InputError) {
    self.configuration = configuration
    operands = arithmetic.operands
    let (rows, width) = (configuration.tokenCount, configuration.width)
    let (weight, bias) = try Self.queryKeyValue(reader.scoped("qkv"), configuration)
    queryKeyValue = try arithmetic.linearLayer(weight: weight, bias: bias, rows: rows, result: operands)
    head = pb_attention_shape(
      prefix: configuration.prefixTokenCount, patches: configuration.patchCount,
      head_width: configuration.headWidth, input_stride: 3 * width, output_stride: width)
    let projection = reader.scoped("proj")
    self.projection = try arithmetic.linearLayer(
      weight: projection.values("weight", shape: [width, width]),
      bias: projection.values("bias", shape: [width]), rows: rows, result: .float32)
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
    queryKeyValue.apply(
      scratch.normalized.pointer, into: scratch.queryKeyValue.pointer, scratch: scratch.operation.pointer)
    clock?.finish(.linear)
    for index in 0..<configuration.headCount {
      attend(
        scratch, head: index, attention: inspect == nil ? nil : scratch.attention.pointer,
        statistics: statistics + index * AttentionStatistic.perHead.count)
      clock?.finish(.attention)
      inspect?(index, scratch.attention.pointer)
    }
    projection.apply(
      scratch.attended.pointer, into: scratch.branch.pointer, scratch: scratch.operation.pointer)
    clock?.finish(.linear)
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
        UnsafePointer<Element>,
        UnsafeMutablePointer<Element>, UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>,
        UnsafeMutableRawPointer
      ) -> Void
    ) {
      let queries =
        UnsafeRawPointer(scratch.queryKeyValue.pointer).assumingMemoryBound(to: Element.self) + offset
      let output =
        UnsafeMutableRawPointer(scratch.attended.pointer).assumingMemoryBound(to: Element.self) + offset
      withUnsafePointer(to: head) { shape in
        kernel(
          shape, queries, queries + width, queries + 2 * width, output, attention, statistics,
          scratch.operation.pointer)
      }
    }
    switch operands {
    case .float32: apply(pb_attention_head_f32)
    default: apply(pb_attention_head_bf16)
    }
  }
}
