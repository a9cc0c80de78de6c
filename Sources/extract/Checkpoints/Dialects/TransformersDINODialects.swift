/// Hugging Face `transformers`: DINOv2, with registers or without, and DINOv3.
extension Dialect {
  static let transformersDINOv2 = Dialect(
    name: "transformers-dinov2", anchor: transformersAnchor,
    marks: [.has("encoder.layer.0.layer_scale1.lambda1"), .lacks("embeddings.register_tokens")],
    rules: dinoV2Rules, dropped: dinoV2Dropped, defaults: ModelDefaults())

  static let transformersDINOv2Registers = Dialect(
    name: "transformers-dinov2-registers", anchor: transformersAnchor,
    marks: [.has("encoder.layer.0.layer_scale1.lambda1"), .has("embeddings.register_tokens")],
    rules: dinoV2Rules, dropped: dinoV2Dropped,
    defaults: ModelDefaults(positionResizing: .bicubicAntialiased))

  private static let dinoV2Rules: [WeightRule] = [
    .renamed("embeddings.cls_token", "cls_token"), .renamed("embeddings.register_tokens", "reg_token"),
    .renamed("embeddings.position_embeddings", "pos_embed"),
    .renamed("embeddings.patch_embeddings.projection.+", "patch_embed.proj.+"),
    .renamed("encoder.layer.*.norm1.+", "blocks.*.norm1.+"),
    .joined(
      "encoder.layer.*.attention.attention.query.+", "encoder.layer.*.attention.attention.key.+",
      "encoder.layer.*.attention.attention.value.+", as: "blocks.*.attn.qkv.+"),
    .joined(
      "encoder.layer.*.attention.q_proj.+", "encoder.layer.*.attention.k_proj.+",
      "encoder.layer.*.attention.v_proj.+", as: "blocks.*.attn.qkv.+"),
    .renamed("encoder.layer.*.attention.output.dense.+", "blocks.*.attn.proj.+"),
    .renamed("encoder.layer.*.attention.o_proj.+", "blocks.*.attn.proj.+"),
    .renamed("encoder.layer.*.layer_scale1.lambda1", "blocks.*.ls1.gamma"),
    .renamed("encoder.layer.*.norm2.+", "blocks.*.norm2.+"),
    .renamed("encoder.layer.*.mlp.fc1.+", "blocks.*.mlp.fc1.+"),
    .renamed("encoder.layer.*.mlp.fc2.+", "blocks.*.mlp.fc2.+"),
    .renamed("encoder.layer.*.mlp.weights_in.+", "blocks.*.mlp.fc1.+"),
    .renamed("encoder.layer.*.mlp.weights_out.+", "blocks.*.mlp.fc2.+"),
    .joined(
      "encoder.layer.*.mlp.gate_proj.+", "encoder.layer.*.mlp.up_proj.+", as: "blocks.*.mlp.fc1.+"),
    .renamed("encoder.layer.*.mlp.down_proj.+", "blocks.*.mlp.fc2.+"),
    .renamed("encoder.layer.*.layer_scale2.lambda1", "blocks.*.ls2.gamma"),
    .renamed("layernorm.+", "norm.+"),
  ]

  private static let dinoV2Dropped = [
    Drop("part of the head", "classifier.**"),
    Drop("the token that stands for masked patches in pretraining", "embeddings.mask_token"),
  ]

  /// A plain perceptron's first layer is called as the second one of a gated perceptron's first layer is.
  static let transformersDINOv3 = Dialect(
    name: "transformers-dinov3", anchor: "embeddings.patch_embeddings.weight",
    marks: [
      .has("embeddings.cls_token"),
      .hasAny(["layer.0.mlp.up_proj.weight", "model.layer.0.mlp.up_proj.weight"]),
    ],
    rules: [
      .renamed("embeddings.cls_token", "cls_token"), .renamed("embeddings.register_tokens", "reg_token"),
      .renamed("embeddings.patch_embeddings.+", "patch_embed.proj.+"), .renamed("norm.+", "norm.+"),
    ] + dinoV3Block(in: "layer.*") + dinoV3Block(in: "model.layer.*"),
    dropped: [
      Drop("part of the head", "classifier.**"),
      Drop("the token that stands for masked patches in pretraining", "embeddings.mask_token"),
      Drop("rotary frequencies that follow from their base", "rope_embeddings.inv_freq"),
    ],
    defaults: .dinoV3)

  private static func dinoV3Block(in block: String) -> [WeightRule] {
    func source(_ name: String) -> WeightRule.Source { .init(stringLiteral: "\(block).\(name)") }
    func orZeros(_ name: String) -> WeightRule.Source { .orZeros(KeyPattern("\(block).\(name)")) }
    func ifPresent(_ name: String) -> WeightRule.Source { .ifPresent(KeyPattern("\(block).\(name)")) }
    return [
      .renamed(source("norm1.+"), "blocks.*.norm1.+"),
      .joined(
        source("attention.q_proj.+"), orZeros("attention.k_proj.+"), source("attention.v_proj.+"),
        as: "blocks.*.attn.qkv.+"),
      .renamed(source("attention.o_proj.+"), "blocks.*.attn.proj.+"),
      .renamed(source("layer_scale1.lambda1"), "blocks.*.ls1.gamma"),
      .renamed(source("norm2.+"), "blocks.*.norm2.+"),
      .joined(ifPresent("mlp.gate_proj.+"), source("mlp.up_proj.+"), as: "blocks.*.mlp.fc1.+"),
      .renamed(source("mlp.down_proj.+"), "blocks.*.mlp.fc2.+"),
      .renamed(source("layer_scale2.lambda1"), "blocks.*.ls2.gamma"),
    ]
  }
}
