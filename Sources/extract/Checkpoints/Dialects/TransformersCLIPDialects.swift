/// Hugging Face `transformers`: image towers of CLIP, SigLIP and AIMv2.
extension Dialect {
  static let transformersCLIP = Dialect(
    name: "transformers-clip", anchor: "embeddings.patch_embedding.weight",
    marks: [.has("embeddings.class_embedding"), .has("encoder.layers.0.self_attn.q_proj.weight")],
    rules: towerRules, dropped: [positionNumbers], defaults: .openAICLIP)

  static let transformersSigLIP = Dialect(
    name: "transformers-siglip", anchor: "embeddings.patch_embedding.weight",
    marks: [.lacks("embeddings.class_embedding"), .has("encoder.layers.0.self_attn.q_proj.weight")],
    rules: towerRules, dropped: [positionNumbers, Drop("part of the head", "head.**")],
    defaults: ModelDefaults(
      activation: .geluTanh, mean: ModelDefaults.half, standardDeviation: ModelDefaults.half, cropFraction: 1,
      cropMode: "squash"))

  /// SigLIP 2 for images of any shape, whose patches come as rows of a matrix.
  static let transformersSigLIP2 = Dialect(
    name: "transformers-siglip2", anchor: "embeddings.patch_embedding.weight",
    marks: [.axes("embeddings.patch_embedding.weight", 2), .has("encoder.layers.0.self_attn.q_proj.weight")],
    rules: [
      .renamed("embeddings.patch_embedding.weight", "patch_embed.proj.weight", .kernel(channels: 3))
    ] + towerRules,
    dropped: transformersSigLIP.dropped,
    defaults: ModelDefaults(
      activation: .geluTanh, positionResizing: .bilinearAntialiased, mean: ModelDefaults.half,
      standardDeviation: ModelDefaults.half, cropFraction: 1,
      cropMode: "squash"))

  private static let positionNumbers = Drop("numbers that follow from the grid", "embeddings.position_ids")

  private static let towerRules: [WeightRule] = [
    .renamed("embeddings.class_embedding", "cls_token", .axes(3)),
    .renamed("embeddings.position_embedding.weight", "pos_embed", .axes(3)),
    .renamed("embeddings.patch_embedding.+", "patch_embed.proj.+"),
    // Spelled so in the library.
    .renamed("pre_layrnorm.+", "norm_pre.+"),
    .renamed("encoder.layers.*.layer_norm1.+", "blocks.*.norm1.+"),
    .joined(
      "encoder.layers.*.self_attn.q_proj.+", "encoder.layers.*.self_attn.k_proj.+",
      "encoder.layers.*.self_attn.v_proj.+", as: "blocks.*.attn.qkv.+"),
    .renamed("encoder.layers.*.self_attn.out_proj.+", "blocks.*.attn.proj.+"),
    .renamed("encoder.layers.*.layer_norm2.+", "blocks.*.norm2.+"),
    .renamed("encoder.layers.*.mlp.fc1.+", "blocks.*.mlp.fc1.+"),
    .renamed("encoder.layers.*.mlp.fc2.+", "blocks.*.mlp.fc2.+"),
    .renamed("post_layernorm.+", "norm.+"),
  ]

  static let transformersAIMv2 = Dialect(
    name: "transformers-aimv2", anchor: "embeddings.patch_embed.weight",
    marks: [.has("encoder.layers.0.rms_norm1.weight")],
    rules: [
      .renamed("embeddings.patch_embed.+", "patch_embed.proj.+"),
      .renamed("embeddings.rms_norm.+", "patch_embed.norm.+"),
      .renamed("embeddings.position_embedding.weight", "pos_embed", .axes(3)),
      .renamed("encoder.layers.*.rms_norm1.+", "blocks.*.norm1.+"),
      .joined(
        "encoder.layers.*.attention.q_proj.+", "encoder.layers.*.attention.k_proj.+",
        "encoder.layers.*.attention.v_proj.+", as: "blocks.*.attn.qkv.+"),
      .renamed("encoder.layers.*.attention.out_proj.+", "blocks.*.attn.proj.+"),
      .renamed("encoder.layers.*.rms_norm2.+", "blocks.*.norm2.+"),
      .joined(
        "encoder.layers.*.ffn.gate_proj.+", "encoder.layers.*.ffn.up_proj.+", as: "blocks.*.mlp.fc1.+"),
      .renamed("encoder.layers.*.ffn.down_proj.+", "blocks.*.mlp.fc2.+"),
      .renamed("rms_norm.+", "norm.+"),
    ],
    dropped: [positionNumbers, Drop("part of the head", "head.**")], defaults: .aimV2)
}
