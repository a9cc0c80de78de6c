/// Hugging Face `transformers`: ViT and what is built like it. Each has two ways of naming, that of the hub and that of
/// the library since its version 5, which differ in what stands before a block and in its layers.
extension Dialect {
  static let transformersViT = Dialect(
    name: "transformers-vit", anchor: transformersAnchor, marks: [.has("embeddings.cls_token")],
    rules: vitRules, dropped: vitDropped, defaults: .transformersViT)

  /// ViTMAE, with its decoder beside the encoder.
  static let transformersMAE = Dialect(
    name: "transformers-mae", anchor: transformersAnchor,
    marks: [.has("embeddings.cls_token"), .beside("decoder.decoder_embed.weight")],
    rules: vitRules, dropped: vitDropped,
    defaults: ModelDefaults(normEpsilon: 1e-12))

  static let transformersDeiT = Dialect(
    name: "transformers-deit", anchor: transformersAnchor, marks: [.has("embeddings.distillation_token")],
    rules: vitRules, dropped: vitDropped, defaults: ModelDefaults(normEpsilon: 1e-12))

  static let transformersIJEPA = Dialect(
    name: "transformers-ijepa", anchor: transformersAnchor,
    marks: [.has("embeddings.position_embeddings"), .lacks("embeddings.cls_token")],
    rules: vitRules, dropped: vitDropped, defaults: ModelDefaults(normEpsilon: 1e-12))

  static let transformersData2Vec = Dialect(
    name: "transformers-data2vec", anchor: transformersAnchor,
    marks: [.has("embeddings.cls_token"), .under(["data2vec_vision"])],
    rules: vitRules, dropped: vitDropped, defaults: .transformersViT)

  static let transformersBEiT = Dialect(
    name: "transformers-beit", anchor: transformersAnchor,
    marks: [.has("embeddings.cls_token"), .hasAny(["encoder.layer.0.lambda_1", "layers.0.lambda_1"])],
    rules: vitRules, outerRules: [.renamed("layernorm.+", "norm.+")], dropped: vitDropped,
    defaults: .transformersViT)

  static let transformersAnchor = "embeddings.patch_embeddings.projection.weight"

  private static let vitRules: [WeightRule] =
    [
      .renamed("embeddings.cls_token", "cls_token"), .renamed("embeddings.distillation_token", "reg_token"),
      .renamed("embeddings.position_embeddings", "pos_embed"),
      .renamed("embeddings.patch_embeddings.projection.+", "patch_embed.proj.+"),
      .renamed("layernorm.+", "norm.+"),
      .renamed(
        "encoder.relative_position_bias.relative_position_bias_table",
        "rel_pos_bias.relative_position_bias_table"),
      .renamed(
        "shared_position_bias.relative_position_bias_table", "rel_pos_bias.relative_position_bias_table"),
    ] + hubBlock + libraryBlock

  private static let hubBlock: [WeightRule] = [
    .renamed("encoder.layer.*.layernorm_before.+", "blocks.*.norm1.+"),
    .joined(
      "encoder.layer.*.attention.attention.query.+", .orZeros("encoder.layer.*.attention.attention.key.+"),
      "encoder.layer.*.attention.attention.value.+", as: "blocks.*.attn.qkv.+"),
    .renamed(
      "encoder.layer.*.attention.attention.relative_position_bias.relative_position_bias_table",
      "blocks.*.attn.relative_position_bias_table"),
    .renamed("encoder.layer.*.attention.output.dense.+", "blocks.*.attn.proj.+"),
    .renamed("encoder.layer.*.lambda_1", "blocks.*.ls1.gamma"),
    .renamed("encoder.layer.*.layernorm_after.+", "blocks.*.norm2.+"),
    .renamed("encoder.layer.*.intermediate.dense.+", "blocks.*.mlp.fc1.+"),
    .renamed("encoder.layer.*.output.dense.+", "blocks.*.mlp.fc2.+"),
    .renamed("encoder.layer.*.lambda_2", "blocks.*.ls2.gamma"),
  ]

  private static let libraryBlock: [WeightRule] = [
    .renamed("layers.*.layernorm_before.+", "blocks.*.norm1.+"),
    .joined(
      "layers.*.attention.q_proj.+", .orZeros("layers.*.attention.k_proj.+"),
      "layers.*.attention.v_proj.+", as: "blocks.*.attn.qkv.+"),
    .renamed(
      "layers.*.relative_position_bias.relative_position_bias_table",
      "blocks.*.attn.relative_position_bias_table"),
    .renamed("layers.*.attention.o_proj.+", "blocks.*.attn.proj.+"),
    .renamed("layers.*.lambda_1", "blocks.*.ls1.gamma"),
    .renamed("layers.*.layernorm_after.+", "blocks.*.norm2.+"),
    .renamed("layers.*.mlp.fc1.+", "blocks.*.mlp.fc1.+"),
    .renamed("layers.*.mlp.fc2.+", "blocks.*.mlp.fc2.+"),
    .renamed("layers.*.lambda_2", "blocks.*.ls2.gamma"),
  ]

  private static let vitDropped = [
    Drop(
      "part of the head", "pooler.**", "classifier.**", "cls_classifier.**", "distillation_classifier.**",
      "lm_head.**", "decoder.**"),
    Drop("the token that stands for masked patches in pretraining", "embeddings.mask_token"),
    Drop(
      "an index that follows from the grid", "encoder.relative_position_bias.relative_position_index",
      "encoder.layer.*.attention.attention.relative_position_bias.relative_position_index"),
  ]
}

extension ModelDefaults {
  /// Google's checkpoints, which most of these are, were trained on pixels in -1 ... 1.
  static let transformersViT = ModelDefaults(
    normEpsilon: 1e-12, mean: half, standardDeviation: half, cropFraction: 1, interpolation: "bilinear",
    cropMode: "squash")
}
