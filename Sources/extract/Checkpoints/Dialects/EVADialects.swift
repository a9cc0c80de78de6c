import VisionTransformer

/// EVA-02 (Fang et al., 2023): gated perceptrons and rotary position beside a position embedding. Of the position's
/// rotation nothing is in the weights.
extension Dialect {
  /// Its own names.
  static let eva = Dialect(
    name: "eva", anchor: "patch_embed.proj.weight",
    marks: [.has("blocks.0.mlp.w1.weight"), .has("pos_embed")],
    rules: WeightRule.timm + [
      .joined("blocks.*.mlp.w1.+", "blocks.*.mlp.w2.+", as: "blocks.*.mlp.fc1.+"),
      .renamed("blocks.*.mlp.ffn_ln.+", "blocks.*.mlp.norm.+"),
      .renamed("blocks.*.mlp.w3.+", "blocks.*.mlp.fc2.+"),
      .renamed("blocks.*.attn.inner_attn_ln.+", "blocks.*.attn.norm.+"),
    ],
    dropped: [
      Drop(
        "a table of angles that follows from the grid", "rope.freqs_cos", "rope.freqs_sin",
        "blocks.*.attn.rope.freqs_cos", "blocks.*.attn.rope.freqs_sin")
    ] + timmDropped,
    defaults: .eva)

  /// timm's names for the base and the large model, which have queries, keys and values apart.
  static let timmEVA = Dialect(
    name: "timm-eva", anchor: "patch_embed.proj.weight",
    marks: [.has("blocks.0.mlp.fc1_g.weight"), .has("blocks.0.attn.q_proj.weight"), .has("pos_embed")],
    rules: WeightRule.timm, dropped: timmDropped, defaults: .eva)

  /// timm's names for the tiny and the small model.
  static let timmSmallEVA = Dialect(
    name: "timm-eva", anchor: "patch_embed.proj.weight",
    marks: [
      .has("blocks.0.attn.q_bias"), .has("pos_embed"),
      .gated("blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc2.weight"),
    ],
    rules: WeightRule.timm, dropped: timmDropped, defaults: .eva)

  /// timm's names for DINOv3, which its `Eva` runs.
  static let timmDINOv3 = Dialect(
    name: "timm-dinov3", anchor: "patch_embed.proj.weight",
    marks: [
      .has("reg_token"), .has("cls_token"), .has("blocks.0.gamma_1"), .lacks("pos_embed"),
      .lacks("blocks.0.attn.qkv.bias"),
    ],
    rules: WeightRule.timm, dropped: timmDropped, defaults: .dinoV3)
}

extension RotaryEmbedding {
  static let eva02 = RotaryEmbedding(
    pairing: .interleaved, coordinates: .steps(reference: 16), frequencies: .powers(base: 10000))
  static let dinoV3 = RotaryEmbedding(
    pairing: .halves, coordinates: .centered, frequencies: .powers(base: 100))
}

extension ModelDefaults {
  static let eva = ModelDefaults(rotary: .eva02, mean: clipMean, standardDeviation: clipStandardDeviation)

  static let dinoV3 = ModelDefaults(normEpsilon: 1e-5, rotary: .dinoV3, inputSide: 256, cropFraction: 1)
}
