import Files
import LinearLayers

/// The architecture of a pre-norm Vision Transformer: sizes, parts and what its weights cannot tell.
///
/// Always valid: the initialiser, which decoding calls as well, refuses sizes that do not fit together.
public struct EncoderConfiguration: Codable, Equatable, Sendable {
  /// The input image, in pixels.
  public let imageHeight: Int
  public let imageWidth: Int
  /// A patch, in pixels. As for a convolution, pixels at the right and bottom that fill no patch are not seen.
  public let patchHeight: Int
  public let patchWidth: Int
  public let channelCount: Int
  /// The length of a token, D (timm: `embed_dim`).
  public let width: Int
  /// The number of blocks, L.
  public let depth: Int
  /// The number of attention heads in a block, H.
  public let headCount: Int
  /// The hidden length of a block's multilayer perceptron (timm: `int(embed_dim * mlp_ratio)`).
  public let mlpWidth: Int
  public let parts: EncoderParts
  /// Of all norms.
  public let layerNormEpsilon: Float
  /// The activation of a perceptron that is not gated.
  public let activation: Activation
  public let rotary: RotaryEmbedding?
  /// What the scores are divided by before the softmax, besides the square root of the head width; 1 as trained.
  public let attentionTemperature: Float

  /// - Throws: ``InputError`` that says which sizes do not fit together.
  public init(
    imageHeight: Int, imageWidth: Int, patchHeight: Int, patchWidth: Int, channelCount: Int = 3,
    width: Int, depth: Int, headCount: Int, mlpWidth: Int, parts: EncoderParts = EncoderParts(),
    layerNormEpsilon: Float = 1e-6, activation: Activation = .gelu, rotary: RotaryEmbedding? = nil,
    attentionTemperature: Float = 1
  ) throws(InputError) {
    self.imageHeight = imageHeight
    self.imageWidth = imageWidth
    self.patchHeight = patchHeight
    self.patchWidth = patchWidth
    self.channelCount = channelCount
    self.width = width
    self.depth = depth
    self.headCount = headCount
    self.mlpWidth = mlpWidth
    self.parts = parts
    self.layerNormEpsilon = layerNormEpsilon
    self.activation = activation
    self.rotary = rotary
    self.attentionTemperature = attentionTemperature
    try validate()
  }

  /// The patches of an image, row by row.
  public var gridHeight: Int { imageHeight / patchHeight }
  public var gridWidth: Int { imageWidth / patchWidth }
  /// The number of patches, P.
  public var patchCount: Int { gridHeight * gridWidth }
  /// The tokens before the patches: [cls] where there is one, then registers.
  public var prefixTokenCount: Int { (parts.hasClassToken ? 1 : 0) + parts.registerCount }
  /// The number of tokens, T.
  public var tokenCount: Int { prefixTokenCount + patchCount }
  /// The length of a head's queries, keys and values.
  public var headWidth: Int { width / headCount }
  /// The number of values in an image, `channelCount * imageHeight * imageWidth`.
  public var pixelValueCount: Int { channelCount * imageHeight * imageWidth }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func integer(_ key: CodingKeys) throws -> Int { try container.decode(Int.self, forKey: key) }
    try self.init(
      imageHeight: integer(.imageHeight), imageWidth: integer(.imageWidth),
      patchHeight: integer(.patchHeight), patchWidth: integer(.patchWidth),
      channelCount: integer(.channelCount), width: integer(.width), depth: integer(.depth),
      headCount: integer(.headCount), mlpWidth: integer(.mlpWidth),
      parts: container.decode(EncoderParts.self, forKey: .parts),
      layerNormEpsilon: container.decode(Float.self, forKey: .layerNormEpsilon),
      activation: container.decode(Activation.self, forKey: .activation),
      rotary: container.decodeIfPresent(RotaryEmbedding.self, forKey: .rotary),
      attentionTemperature: container.decodeIfPresent(Float.self, forKey: .attentionTemperature) ?? 1)
  }

  /// Far above every published model, and low enough that no product of sizes overflows.
  private static let largestSize = 1 << 16
  /// A head's score matrix, `[T, T]` in single precision, is at most 1 GiB.
  private static let largestTokenCount = 1 << 14
  /// A cache has at most 64 prefix tokens.
  private static let mostRegisters = 63

  private func validate() throws(InputError) {
    func fail(_ reason: String) -> InputError { InputError("encoder configuration", reason) }
    let sizes = [
      ("image height", imageHeight), ("image width", imageWidth), ("patch height", patchHeight),
      ("patch width", patchWidth), ("channel count", channelCount), ("width", width), ("depth", depth),
      ("head count", headCount), ("MLP width", mlpWidth),
    ]
    for (name, size) in sizes where !(1...Self.largestSize).contains(size) {
      throw fail("the \(name) is \(size), which is not within 1 to \(Self.largestSize)")
    }
    guard patchHeight <= imageHeight, patchWidth <= imageWidth else {
      throw fail(
        "a patch of \(patchHeight)x\(patchWidth) does not fit into \(imageHeight)x\(imageWidth) pixels")
    }
    guard width.isMultiple(of: headCount) else {
      throw fail("the width \(width) does not divide into \(headCount) heads")
    }
    guard 0...Self.mostRegisters ~= parts.registerCount else {
      throw fail(
        "the register count is \(parts.registerCount), which is not within 0 to \(Self.mostRegisters)")
    }
    guard tokenCount <= Self.largestTokenCount else {
      throw fail("\(tokenCount) tokens are more than \(Self.largestTokenCount)")
    }
    guard layerNormEpsilon.isFinite, layerNormEpsilon >= 0 else {
      throw fail("the LayerNorm epsilon is \(layerNormEpsilon), which is not a small number from 0 up")
    }
    guard parts.relativePosition == nil || parts.registerCount == 0 else {
      throw fail("registers have no place among relative positions")
    }
    try rotary?.validate(headWidth: headWidth, registerCount: parts.registerCount)
    guard attentionTemperature.isFinite, attentionTemperature > 0 else {
      throw fail("the attention temperature is \(attentionTemperature), which is not a positive number")
    }
  }
}
