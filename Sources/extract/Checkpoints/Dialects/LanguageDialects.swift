/// Image towers of models that learn from texts, under the names of `openai/CLIP` and `open_clip`.
extension Dialect {
  static let openCLIP = Dialect(
    name: "open_clip", anchor: "conv1.weight", marks: openCLIPMarks, rules: openCLIPRules,
    dropped: openCLIPDropped, defaults: .clip)

  /// OpenAI's own files hold the sizes of the text tower as numbers; its models have another activation.
  static let openAICLIP = Dialect(
    name: "openai-clip", anchor: "conv1.weight", marks: openCLIPMarks + [.beside("input_resolution")],
    rules: openCLIPRules, dropped: openCLIPDropped, defaults: .openAICLIP)

  private static let openCLIPMarks: [Mark] = [
    .has("transformer.resblocks.0.ln_1.weight"), .has("class_embedding"),
  ]

  private static let openCLIPRules: [WeightRule] = [
    .renamed("class_embedding", "cls_token", .axes(3)),
    .renamed("positional_embedding", "pos_embed", .axes(3)),
    .renamed("conv1.+", "patch_embed.proj.+"), .renamed("ln_pre.+", "norm_pre.+"),
    .renamed("transformer.resblocks.*.ln_1.+", "blocks.*.norm1.+"),
    .renamed("transformer.resblocks.*.attn.in_proj_weight", "blocks.*.attn.qkv.weight"),
    .renamed("transformer.resblocks.*.attn.in_proj_bias", "blocks.*.attn.qkv.bias"),
    .renamed("transformer.resblocks.*.attn.out_proj.+", "blocks.*.attn.proj.+"),
    .renamed("transformer.resblocks.*.ls_1.gamma", "blocks.*.ls1.gamma"),
    .renamed("transformer.resblocks.*.ln_2.+", "blocks.*.norm2.+"),
    .renamed("transformer.resblocks.*.mlp.c_fc.+", "blocks.*.mlp.fc1.+"),
    .renamed("transformer.resblocks.*.mlp.c_proj.+", "blocks.*.mlp.fc2.+"),
    .renamed("transformer.resblocks.*.ls_2.gamma", "blocks.*.ls2.gamma"),
    .renamed("ln_post.+", "norm.+"),
  ]

  private static let openCLIPDropped = [Drop("the projection to the space of texts", "proj")]
}

extension ModelDefaults {
  static let clipMean: [Float] = [0.48145466, 0.4578275, 0.40821073]
  static let clipStandardDeviation: [Float] = [0.26862954, 0.26130258, 0.27577711]

  static let clip = ModelDefaults(
    normEpsilon: 1e-5, mean: clipMean, standardDeviation: clipStandardDeviation, cropFraction: 1)

  static let openAICLIP = ModelDefaults(
    normEpsilon: 1e-5, activation: .quickGelu, mean: clipMean, standardDeviation: clipStandardDeviation,
    cropFraction: 1)

  static let aimV2 = ModelDefaults(
    normKind: .rootMeanSquare, normEpsilon: 1e-5, headCounts: [1024: 8, 1536: 12, 2048: 16, 3072: 24],
    computesPositions: true, mean: clipMean, standardDeviation: clipStandardDeviation, cropFraction: 1)
}

extension Dialect {
  /// AIMv2 (Fini et al., 2024) under the names of `apple/ml-aim`: gated perceptrons, root-mean-square norms, no biases.
  static let aimV2 = Dialect(
    name: "aimv2", anchor: "preprocessor.patchifier.proj.weight",
    marks: [.has("trunk.blocks.0.norm_1.weight")],
    rules: [
      .renamed("preprocessor.patchifier.proj.+", "patch_embed.proj.+"),
      .renamed("preprocessor.patchifier.norm.+", "patch_embed.norm.+"),
      .renamed("preprocessor.pos_embed", "pos_embed"),
      .renamed("trunk.blocks.*.norm_1.+", "blocks.*.norm1.+"),
      .renamed("trunk.blocks.*.attn.qkv.+", "blocks.*.attn.qkv.+"),
      .renamed("trunk.blocks.*.attn.proj.+", "blocks.*.attn.proj.+"),
      .renamed("trunk.blocks.*.norm_2.+", "blocks.*.norm2.+"),
      .joined("trunk.blocks.*.mlp.fc1.+", "trunk.blocks.*.mlp.fc3.+", as: "blocks.*.mlp.fc1.+"),
      .renamed("trunk.blocks.*.mlp.fc2.+", "blocks.*.mlp.fc2.+"),
      .renamed("trunk.post_trunk_norm.+", "norm.+"),
    ],
    dropped: [Drop("part of the head", "head.**")], defaults: .aimV2)

  /// AIMv2 under timm's names.
  static let timmAIMv2 = Dialect(
    name: "timm-aimv2", anchor: "patch_embed.proj.weight",
    marks: [
      .has("patch_embed.norm.weight"), .has("blocks.0.mlp.fc1_g.weight"), .lacks("blocks.0.norm1.bias"),
    ],
    rules: WeightRule.timm, dropped: timmDropped, defaults: .aimV2)
}
