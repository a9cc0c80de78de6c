import LinearLayers
import VisionTransformer

/// A Vision Transformer by the names that the field uses: `vit_base_patch16` (MAE and "Beyond [cls]"),
/// `vit_base_patch16_224.mae`, `vit_giant_patch14_reg4_dinov2.lvd142m` (timm), `mae_vit_large_patch16`.
struct NamedModel: Equatable {
  let name: String
  let size: PublishedSize
  /// The side of a patch, in pixels.
  let patchSide: Int
  /// The side of the input image, in pixels, where the name has it.
  let inputSide: Int?
  /// What the name says besides.
  let traits: Traits

  /// What weights do not reveal and a name does.
  struct Traits: Equatable {
    var headCount: Int?
    var normEpsilon: Float?
    var activation: Activation?
    var rotary: RotaryEmbedding?
    var mean: [Float]?
    var standardDeviation: [Float]?
  }

  /// Names that are offered where one is not known.
  static let examples = [
    "vit_tiny_patch16", "vit_small_patch16", "vit_base_patch16", "vit_large_patch16", "vit_huge_patch14",
  ]

  /// Nil for any name with more in it than family, size, patch, input and the variants that are known.
  init?(_ name: String) {
    var base = name.prefix { $0 != "." }
    let tag = name.dropFirst(base.count + 1)
    if base.hasPrefix("mae_") { base = base.dropFirst(4) }
    let words = base.split(separator: "_", omittingEmptySubsequences: false).map(String.init)
    guard let patch = words.firstIndex(where: { $0.hasPrefix("patch") }), patch >= 1,
      let side = Int(words[patch].dropFirst(5)), 1...1024 ~= side, Self.families.contains(words[0])
    else { return nil }
    var variants = Set<String>()
    var input: Int?
    for word in words[(patch + 1)...] {
      if let side = Int(word), 1...65536 ~= side, input == nil {
        input = side
      } else if Self.variants.contains(word) {
        variants.insert(word)
      } else {
        return nil
      }
    }
    var sizeWords = words[1..<patch].filter { $0 != "distilled" }
    if variants.contains("plus") { sizeWords.append("plus") }
    let family = ["dinov2", "dinov3"].first(where: variants.contains) ?? words[0]
    guard let size = PublishedSize.named(sizeWords.joined(separator: "_"), family: family) else { return nil }
    self.name = name
    self.size = size
    patchSide = side
    inputSide = input
    traits = Traits(base: String(base), tag: String(tag), family: family, variants: variants)
  }

  private static let families: Set = ["vit", "deit", "deit3", "beit", "beitv2", "eva", "eva02", "aimv2"]

  private static let variants: Set = [
    "clip", "quickgelu", "siglip", "gap", "map", "dinov2", "dinov3", "qkvb", "reg1", "reg4", "plus", "miil",
  ]
}

extension NamedModel.Traits {
  fileprivate init(base: String, tag: String, family: String, variants: Set<String>) {
    self.init()
    if variants.contains("clip") || family == "eva" {
      (mean, standardDeviation) = (ModelDefaults.clipMean, ModelDefaults.clipStandardDeviation)
    }
    if variants.contains("clip") && family == "vit" { normEpsilon = 1e-5 }
    if variants.contains("quickgelu") || Self.quickTags.contains(tag) { activation = .quickGelu }
    if variants.contains("siglip") { (mean, standardDeviation) = (ModelDefaults.half, ModelDefaults.half) }
    if Self.tanhNames.contains(where: base.hasPrefix) { activation = .geluTanh }
    switch family {
    case "dinov3": (normEpsilon, rotary) = (1e-5, .dinoV3)
    case "aimv2":
      normEpsilon = 1e-5
      (mean, standardDeviation) = (ModelDefaults.clipMean, ModelDefaults.clipStandardDeviation)
    case "eva02":
      rotary = .eva02
      (mean, standardDeviation) = (ModelDefaults.clipMean, ModelDefaults.clipStandardDeviation)
    case "beit": (mean, standardDeviation) = (ModelDefaults.half, ModelDefaults.half)
    default: break
    }
    if tag.hasPrefix("augreg") || tag.hasPrefix("orig_in21k") {
      (mean, standardDeviation) = (ModelDefaults.half, ModelDefaults.half)
    }
    if base == "vit_base_patch16_gap_224" { headCount = 16 }
  }

  /// Weights that were trained with the quick GELU, whatever timm runs them with.
  private static let quickTags: Set = [
    "openai", "dfn2b", "dfn2b_s39b", "dfn5b", "metaclip_400m", "metaclip_2pt5b",
  ]

  /// The SigLIP models that timm runs with the approximation of GELU that all of them were trained with.
  private static let tanhNames = [
    "vit_base_patch32_siglip", "vit_large_patch16_siglip_512", "vit_large_patch16_siglip_gap_512",
    "vit_so400m_patch16_siglip", "vit_giantopt_patch16_siglip",
  ]
}
