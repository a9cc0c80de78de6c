import Compute
import Files
import LinearLayers

/// From pixels to the first block's input: a linear layer on every patch, [cls] in front, position embeddings added.
struct PatchEmbedding: Sendable {
  private let configuration: EncoderConfiguration
  private let operands: ElementType
  /// The convolution's kernel, `[D, patchValueCount]`, with a patch's values in the order channel, row, column.
  private let projection: LinearLayer
  /// `[T, D]`: all that does not depend on the image, which is the whole of [cls].
  private let constant: SharedBuffer<Float>

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
    let bias = try projection.values("bias", shape: [width])
    // Where the position embedding has no entry for [cls], it is for the patches alone (timm: no_embed_class).
    let positions = try reader.values(
      "pos_embed", shapes: [[1, configuration.tokenCount, width], [1, configuration.patchCount, width]])
    let classToken = configuration.hasClassToken ? try reader.values("cls_token", shape: [1, 1, width]) : nil

    let constant = SharedBuffer<Float>(count: configuration.tokenCount * width)
    let firstPosition = configuration.tokenCount - positions.count / width
    for token in 0..<configuration.tokenCount {
      let start = token < configuration.prefixTokenCount ? classToken : bias
      for index in 0..<width {
        let position = token < firstPosition ? 0 : positions.pointer[(token - firstPosition) * width + index]
        constant.pointer[token * width + index] = (start?.pointer[index] ?? 0) + position
      }
    }
    self.constant = constant
    self.projection = try arithmetic.linearLayer(
      weight: weight, bias: SharedBuffer(count: width), rows: configuration.patchCount, result: .float32,
      completion: .add)
  }

  var scratchByteCount: Int { projection.scratchByteCount }

  /// Fills `scratch.residual`, `[T, D]`.
  ///
  /// - Parameter pixels: `[C, height, width]`, normalised.
  func apply(_ pixels: UnsafePointer<Float>, _ scratch: Encoder.Scratch) {
    gather(pixels, into: UnsafeMutableRawPointer(scratch.patches.pointer))
    let tokens = scratch.residual.pointer
    tokens.update(from: constant.pointer, count: constant.count)
    projection.apply(
      scratch.patches.pointer, into: tokens + configuration.prefixTokenCount * configuration.width,
      scratch: scratch.operation.pointer)
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
