extension WeightRule {
  /// timm's names, which the encoder itself uses (`VisionTransformer`), and those of its `Beit` and `Eva`, which have
  /// other ones for the same weights.
  static let timm: [WeightRule] =
    [
      "cls_token", "reg_token", "pos_embed", "patch_embed.proj.+", "patch_embed.norm.+", "norm_pre.+",
      "blocks.*.norm1.+", "blocks.*.attn.qkv.+", "blocks.*.attn.q_norm.+", "blocks.*.attn.k_norm.+",
      "blocks.*.attn.norm.+", "blocks.*.attn.proj.+", "blocks.*.attn.relative_position_bias_table",
      "rel_pos_bias.relative_position_bias_table", "blocks.*.ls1.gamma", "blocks.*.norm2.+",
      "blocks.*.mlp.fc1.+", "blocks.*.mlp.norm.+", "blocks.*.mlp.fc2.+", "blocks.*.ls2.gamma", "norm.+",
    ].map { .renamed(Source(stringLiteral: $0), KeyPattern($0)) }
    + [
      .renamed("dist_token", "reg_token"),
      .renamed("blocks.*.gamma_1", "blocks.*.ls1.gamma"), .renamed("blocks.*.gamma_2", "blocks.*.ls2.gamma"),
      .joined(
        "blocks.*.attn.q_bias", .orZeros("blocks.*.attn.k_bias"), "blocks.*.attn.v_bias",
        as: "blocks.*.attn.qkv.bias"),
      .joined(
        "blocks.*.attn.q_proj.weight", "blocks.*.attn.k_proj.weight", "blocks.*.attn.v_proj.weight",
        as: "blocks.*.attn.qkv.weight"),
      .joined(
        "blocks.*.attn.q_proj.bias", .orZeros("blocks.*.attn.k_proj.bias"), "blocks.*.attn.v_proj.bias",
        as: "blocks.*.attn.qkv.bias"),
      .joined("blocks.*.mlp.fc1_g.+", "blocks.*.mlp.fc1_x.+", as: "blocks.*.mlp.fc1.+"),
    ]
}

extension Dialect {
  /// What models of all dialects in timm's way of naming may have besides.
  static let timmDropped = [
    Drop("part of the head", "head.**", "head_dist.**", "attn_pool.**", "pre_logits.**", "lm_head.**"),
    Drop("the norm of pooled tokens, part of the head", "fc_norm.**"),
    Drop("the token that stands for masked patches in pretraining", "mask_token"),
    Drop(
      "an index that follows from the grid", "rel_pos_bias.relative_position_index",
      "blocks.*.attn.relative_position_index"),
  ]

  static let timm = Dialect(
    name: "timm", anchor: "patch_embed.proj.weight", marks: [], rules: WeightRule.timm, dropped: timmDropped)

  /// timm's SigLIP (Zhai et al., 2023), told by its attention pooling.
  static let sigLIP = Dialect(
    name: "siglip", anchor: "patch_embed.proj.weight",
    marks: [.has("attn_pool.latent"), .lacks("cls_token")],
    rules: WeightRule.timm, dropped: timmDropped, defaults: .sigLIP)

  /// The masked autoencoder (He et al., 2022) with its decoder; without it, it is a model of timm.
  static let mae = Dialect(
    name: "mae", anchor: "patch_embed.proj.weight",
    marks: [.has("decoder_embed.weight"), .has("mask_token")], rules: WeightRule.timm,
    dropped: [
      Drop(
        "part of the MAE decoder", "mask_token", "decoder_pos_embed", "decoder_embed.**", "decoder_blocks.**",
        "decoder_norm.**", "decoder_pred.**")
    ] + timmDropped)

  /// DeiT (Touvron et al., 2021) with its distillation token.
  static let deit = Dialect(
    name: "deit", anchor: "patch_embed.proj.weight", marks: [.has("dist_token")], rules: WeightRule.timm,
    dropped: timmDropped)
}

extension ModelDefaults {
  /// 0.5 for the mean and the deviation, as networks on pixels in -1 ... 1 have it.
  static let half: [Float] = [0.5, 0.5, 0.5]

  static let sigLIP = ModelDefaults(mean: half, standardDeviation: half, cropFraction: 1, cropMode: "squash")
}
