import VisionTransformer

/// Models that learn from a slowly changing copy of themselves: what is saved often holds both.
extension Dialect {
  /// MoCo-v3 (Chen et al., 2021) as pretraining saves it. Its small model has 12 heads, and not 6.
  static let moCo = Dialect(
    name: "moco-v3", anchor: "patch_embed.proj.weight",
    marks: [.under(["base_encoder", "momentum_encoder"])],
    rules: WeightRule.timm, dropped: timmDropped, defaults: ModelDefaults(headCounts: [384: 12]))

  /// DINO (Caron et al., 2021): `teacher` and `student`.
  static let dino = Dialect(
    name: "dino", anchor: "patch_embed.proj.weight",
    marks: [.under(["teacher", "student"])],
    rules: WeightRule.timm, dropped: [Drop("part of the pretraining head", "masked_embed")] + timmDropped,
    defaults: ModelDefaults(positionResizing: .bicubicWithOffset))

  /// iBOT (Zhou et al., 2022), which is DINO with masked patches.
  static let iBOT = Dialect(
    name: "ibot", anchor: "patch_embed.proj.weight",
    marks: [.under(["teacher", "student"]), .fileHas(["ibot_loss"])],
    rules: WeightRule.timm, dropped: dino.dropped, defaults: dino.defaults)

  /// Its encoder alone, which still has the embedding of masked patches.
  static let publishedIBOT = Dialect(
    name: "ibot", anchor: "patch_embed.proj.weight", marks: [.has("masked_embed")],
    rules: WeightRule.timm, dropped: dino.dropped, defaults: dino.defaults)

  /// I-JEPA (Assran et al., 2023): patches alone, `target_encoder` and `encoder`.
  static let ijepa = Dialect(
    name: "ijepa", anchor: "patch_embed.proj.weight",
    marks: [.under(["target_encoder", "encoder"]), .fileHas(["predictor"]), .lacks("cls_token")],
    rules: WeightRule.timm, dropped: timmDropped)

  /// DINOv2 (Oquab et al., 2023), with or without registers, its blocks perhaps in chunks.
  static let dinoV2 = Dialect(
    name: "dinov2", anchor: "patch_embed.proj.weight",
    marks: [.axes("mask_token", 2)], rules: WeightRule.timm + dinoV2Rules,
    dropped: timmDropped,
    defaults: ModelDefaults(
      positionResizing: .bicubicWithOffset, cropFraction: 1, resizingWithRegisters: .bicubicAntialiased))

  private static let dinoV2Rules: [WeightRule] =
    [
      .renamed("register_tokens", "reg_token"),
      .renamed("blocks.*.mlp.w12.+", "blocks.*.mlp.fc1.+"),
      .renamed("blocks.*.mlp.w3.+", "blocks.*.mlp.fc2.+"),
    ] + inChunks
  /// `blocks.CHUNK.NUMBER`: blocks are numbered through, and a chunk's number does not matter.
  private static let inChunks: [WeightRule] =
    [
      "norm1.+", "attn.qkv.+", "attn.proj.+", "ls1.gamma", "norm2.+", "mlp.fc1.+", "mlp.fc2.+", "ls2.gamma",
    ].map { .renamed(.init(stringLiteral: "blocks.?.*.\($0)"), KeyPattern("blocks.*.\($0)")) } + [
      .renamed("blocks.?.*.mlp.w12.+", "blocks.*.mlp.fc1.+"),
      .renamed("blocks.?.*.mlp.w3.+", "blocks.*.mlp.fc2.+"),
    ]

  /// DINOv3 (Siméoni et al., 2025): rotary position, storage tokens, no bias of keys.
  static let dinoV3 = Dialect(
    name: "dinov3", anchor: "patch_embed.proj.weight",
    marks: [.has("rope_embed.periods")],
    rules: [
      WeightRule(
        target: "blocks.*.attn.qkv.bias",
        sources: ["blocks.*.attn.qkv.bias", .ifPresent("blocks.*.attn.qkv.bias_mask")], form: .product),
      .renamed("storage_tokens", "reg_token"), .renamed("rope_embed.periods", "rope.periods"),
      .joined("blocks.*.mlp.w1.+", "blocks.*.mlp.w2.+", as: "blocks.*.mlp.fc1.+"),
      .renamed("blocks.*.mlp.w3.+", "blocks.*.mlp.fc2.+"),
    ] + WeightRule.timm,
    dropped: [
      Drop("a norm that only pretraining uses", "local_cls_norm.**")
    ] + timmDropped,
    defaults: .dinoV3)

  /// CAPI (Darcet et al., 2025): registers without [cls], root-mean-square norms, everything turned by its position.
  static let capi = Dialect(
    name: "capi", anchor: "patch_embed.weight",
    marks: [.has("registers"), .has("encoder.blocks.0.residual1.norm.weight")],
    rules: [
      .renamed("registers", "reg_token"), .renamed("patch_embed.+", "patch_embed.proj.+"),
      .renamed("encoder.blocks.*.residual1.norm.+", "blocks.*.norm1.+"),
      .joined(
        "encoder.blocks.*.residual1.fn.q_proj.+", "encoder.blocks.*.residual1.fn.k_proj.+",
        "encoder.blocks.*.residual1.fn.v_proj.+", as: "blocks.*.attn.qkv.+"),
      .renamed("encoder.blocks.*.residual1.fn.proj.+", "blocks.*.attn.proj.+"),
      .renamed("encoder.blocks.*.residual1.fn.rope.freqs", "blocks.*.attn.rope.freqs"),
      .renamed("encoder.blocks.*.residual2.norm.+", "blocks.*.norm2.+"),
      .renamed("encoder.blocks.*.residual2.fn.fc1.+", "blocks.*.mlp.fc1.+"),
      .renamed("encoder.blocks.*.residual2.fn.fc2.+", "blocks.*.mlp.fc2.+"),
      .renamed("enc_norm.+", "norm.+"),
    ],
    dropped: [
      Drop("part of the decoder", "decoder.**", "dec_norm.**", "mask_token")
    ],
    constants: ["norm.weight": 1],
    defaults: ModelDefaults(
      normKind: .rootMeanSquare, normEpsilon: 1e-5,
      rotary: RotaryEmbedding(
        pairing: .halves, coordinates: .unit, frequencies: .learned, turnsRegisters: true)))
}
