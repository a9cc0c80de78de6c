import CKernels
import Compute
import Files
import LinearLayers

/// From pixels to the first block's input: a linear layer on every patch, prefix tokens in front, position embeddings added.
struct PatchEmbedding: Sendable {
  private let configuration: EncoderConfiguration
  private let operands: ElementType
  /// The convolution's kernel, `[D, patchValueCount]`, with a patch's values in the order channel, row, column.
  private let projection: LinearLayer
  /// `[T, D]`: all that is added to a patch's projection, and all of the prefix tokens.
  private let constant: SharedBuffer<Float>
  /// Of a patch's projection, before anything is added.
  private let patchNorm: Norm?
  /// Of all tokens.
  private let inputNorm: Norm?

  /// The number of values in a patch.
  static func patchValueCount(_ configuration: EncoderConfiguration) -> Int {
    configuration.channelCount * configuration.patchHeight * configuration.patchWidth
  }

  init(
    _ reader: WeightReader, _ configuration: EncoderConfiguration, _ arithmetic: Arithmetic
  ) throws(InputError) {
    self.configuration = configuration
    operands = arithmetic.operands
    let width = configuration.width
    let projection = reader.scoped("patch_embed.proj")
    let weight = try projection.values(
      "weight",
      shape: [width, configuration.channelCount, configuration.patchHeight, configuration.patchWidth])
    let bias = try projection.bias(configuration.parts.hasPatchBias, count: width)
    let parts = configuration.parts
    patchNorm =
      parts.hasPatchNorm ? try Norm(reader.scoped("patch_embed.norm"), configuration, width: width) : nil
    inputNorm = parts.hasInputNorm ? try Norm(reader.scoped("norm_pre"), configuration, width: width) : nil
    constant = try Self.constant(reader, configuration, bias: patchNorm == nil ? bias : nil)
    // A norm stands between the projection, with its bias, and what is added.
    self.projection = try arithmetic.linearLayer(
      weight: weight, bias: patchNorm == nil ? SharedBuffer(count: width) : bias,
      rows: configuration.patchCount, result: .float32, completion: patchNorm == nil ? .add : .store(nil))
  }

  /// - Parameter bias: of the patches, where it is added together with the rest.
  private static func constant(
    _ reader: WeightReader, _ configuration: EncoderConfiguration, bias: SharedBuffer<Float>?
  ) throws(InputError) -> SharedBuffer<Float> {
    let (width, parts) = (configuration.width, configuration.parts)
    let constant = SharedBuffer<Float>(count: configuration.tokenCount * width)
    func add(_ values: SharedBuffer<Float>, row: Int = 0, to token: Int) {
      for index in 0..<width {
        constant.pointer[token * width + index] += values.pointer[row * width + index]
      }
    }
    if parts.hasClassToken { add(try reader.values("cls_token", shape: [1, 1, width]), to: 0) }
    if parts.registerCount > 0 {
      let registers = try reader.values("reg_token", shape: [1, parts.registerCount, width])
      let first = configuration.prefixTokenCount - parts.registerCount
      for row in 0..<parts.registerCount { add(registers, row: row, to: first + row) }
    }
    let patches = configuration.prefixTokenCount..<configuration.tokenCount
    if let bias { for token in patches { add(bias, to: token) } }
    guard parts.hasPositionEmbedding else { return constant }
    let places = positionPlaces(configuration)
    let positions = try reader.values("pos_embed", shapes: places.map { [1, $0.count, width] })
    for (row, token) in (places.first { $0.count == positions.count / width } ?? []).enumerated() {
      add(positions, row: row, to: token)
    }
    return constant
  }

  /// The tokens that a position embedding may have entries for: all of them; [cls] and the patches, as registers came later
  /// (DINOv2); or the patches alone (timm: `no_embed_class`).
  private static func positionPlaces(_ configuration: EncoderConfiguration) -> [[Int]] {
    let patches = Array(configuration.prefixTokenCount..<configuration.tokenCount)
    let all = Array(0..<configuration.tokenCount)
    return configuration.parts.hasClassToken ? [all, [0] + patches, patches] : [all, patches]
  }

  var scratchByteCount: Int { projection.scratchByteCount }

  /// Fills `scratch.residual`, `[T, D]`.
  ///
  /// - Parameter pixels: `[C, height, width]`, normalised.
  func apply(_ pixels: UnsafePointer<Float>, _ scratch: Encoder.Scratch) {
    gather(pixels, into: UnsafeMutableRawPointer(scratch.patches.pointer))
    let tokens = scratch.residual.pointer
    let firstPatch = configuration.prefixTokenCount * configuration.width
    let operation = scratch.operation.pointer
    tokens.update(from: constant.pointer, count: constant.count)
    if let patchNorm {
      let projected = scratch.branch.pointer
      projection.apply(scratch.patches.pointer, into: projected, scratch: operation)
      patchNorm.apply(inPlace: projected, rowCount: configuration.patchCount)
      pb_add_bias(tokens + firstPatch, projected, 1, configuration.patchCount * configuration.width)
    } else {
      projection.apply(scratch.patches.pointer, into: tokens + firstPatch, scratch: operation)
    }
    inputNorm?.apply(inPlace: tokens, rowCount: configuration.tokenCount)
  }

  /// Lays each patch's values side by side: `[P, channels * patchHeight * patchWidth]`.
  private func gather(_ pixels: UnsafePointer<Float>, into patches: UnsafeMutableRawPointer) {
    let (patchHeight, patchWidth) = (configuration.patchHeight, configuration.patchWidth)
    var destination = patches
    for gridRow in 0..<configuration.gridHeight {
      for gridColumn in 0..<configuration.gridWidth {
        for channel in 0..<configuration.channelCount {
          for row in 0..<patchHeight {
            let imageRow = channel * configuration.imageHeight + gridRow * patchHeight + row
            let source = pixels + imageRow * configuration.imageWidth + gridColumn * patchWidth
            operands.encode(source, into: destination, count: patchWidth)
            destination += patchWidth * operands.byteCount
          }
        }
      }
    }
  }
}
