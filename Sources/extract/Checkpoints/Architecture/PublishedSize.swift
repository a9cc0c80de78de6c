/// The sizes of published Vision Transformers, by the words that the field calls them.
struct PublishedSize: Equatable, Sendable {
  /// The family whose sizes are others than those of most; `vit` for most.
  let family: String
  let word: String
  let width: Int
  let depth: Int
  let headCount: Int
  let mlpWidth: Int
  /// Whether its perceptrons are gated, of `mlpWidth` hidden values each.
  var isGated = false

  init(
    _ family: String, _ word: String, _ width: Int, _ depth: Int, _ headCount: Int, _ mlpWidth: Int,
    isGated: Bool = false
  ) {
    self.family = family
    self.word = word
    self.width = width
    self.depth = depth
    self.headCount = headCount
    self.mlpWidth = mlpWidth
    self.isGated = isGated
  }

  /// A model of this size, as timm calls it.
  func name(patchSide: Int) -> String {
    switch family {
    case "eva02", "aimv2": "\(family)_\(word)_patch\(patchSide)"
    case "vit": "vit_\(word)_patch\(patchSide)"
    default: "vit_\(word)_patch\(patchSide)_\(family)"
    }
  }

  static func named(_ word: String, family: String) -> PublishedSize? {
    all.first { $0.word == word && $0.family == family }
      ?? all.first { $0.word == word && $0.family == "vit" }
  }

  static func of(_ dimensions: WeightDimensions) -> PublishedSize? { all.first { $0.matches(dimensions) } }

  func matches(_ dimensions: WeightDimensions) -> Bool {
    (width, depth, mlpWidth) == (dimensions.width, dimensions.depth, dimensions.mlpWidth)
      && isGated == dimensions.parts.isGated
  }

  static let all = [
    PublishedSize("vit", "tiny", 192, 12, 3, 768), PublishedSize("vit", "xsmall", 256, 10, 4, 1024),
    PublishedSize("vit", "wee", 256, 14, 4, 1280), PublishedSize("vit", "little", 320, 14, 5, 1792),
    PublishedSize("vit", "small", 384, 12, 6, 1536), PublishedSize("vit", "medium", 512, 12, 8, 2048),
    PublishedSize("vit", "mediumd", 512, 20, 8, 2048), PublishedSize("vit", "betwixt", 640, 12, 10, 2560),
    PublishedSize("vit", "base", 768, 12, 12, 3072), PublishedSize("vit", "base_plus", 896, 12, 14, 3584),
    PublishedSize("vit", "so150m", 896, 18, 14, 2304), PublishedSize("vit", "so150m2", 832, 21, 13, 2176),
    PublishedSize("vit", "large", 1024, 24, 16, 4096), PublishedSize("vit", "so400m", 1152, 27, 16, 4304),
    PublishedSize("vit", "huge", 1280, 32, 16, 5120), PublishedSize("vit", "giant", 1408, 40, 16, 6144),
    PublishedSize("vit", "giantopt", 1536, 40, 16, 6144),
    PublishedSize("vit", "gigantic", 1664, 48, 16, 8192),
    PublishedSize("dinov2", "giant", 1536, 40, 24, 4096, isGated: true),
    PublishedSize("dinov3", "small_plus", 384, 12, 6, 1536, isGated: true),
    PublishedSize("dinov3", "large_plus", 1024, 24, 16, 4096, isGated: true),
    PublishedSize("dinov3", "huge_plus", 1280, 32, 20, 5120, isGated: true),
    PublishedSize("dinov3", "7b", 4096, 40, 32, 8192, isGated: true),
    PublishedSize("eva02", "tiny", 192, 12, 3, 512, isGated: true),
    PublishedSize("eva02", "small", 384, 12, 6, 1024, isGated: true),
    PublishedSize("eva02", "base", 768, 12, 12, 2048, isGated: true),
    PublishedSize("eva02", "large", 1024, 24, 16, 2730, isGated: true),
    PublishedSize("aimv2", "large", 1024, 24, 8, 2816, isGated: true),
    PublishedSize("aimv2", "huge", 1536, 24, 12, 4096, isGated: true),
    PublishedSize("aimv2", "1b", 2048, 24, 16, 5632, isGated: true),
    PublishedSize("aimv2", "3b", 3072, 24, 24, 8192, isGated: true),
  ]
}
