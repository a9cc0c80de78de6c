extension Dialect {
  /// SimMIM (Xie et al., 2022) as pretraining saves it: the encoder beside a decoder. Fine-tuned models have BEiT's names.
  static let simMIM = Dialect(
    name: "simmim", anchor: "patch_embed.proj.weight",
    marks: [
      .under(["encoder"]), .has("mask_token"), .has("blocks.0.attn.qkv.weight"), .beside("decoder.0.weight"),
    ],
    rules: WeightRule.timm, dropped: timmDropped)

  /// BEiT (Bao et al., 2022), fine-tuned SimMIM and data2vec's image encoder (Baevski et al., 2022): relative position
  /// bias or biases of queries and values alone.
  static let beit = Dialect(
    name: "beit", anchor: "patch_embed.proj.weight",
    marks: [.has("blocks.0.attn.q_bias"), .lacks("blocks.0.attn.q_proj.weight"), .lacks("reg_token")],
    rules: WeightRule.timm, dropped: timmDropped,
    defaults: ModelDefaults(mean: ModelDefaults.half, standardDeviation: ModelDefaults.half))

  /// BEiT-v2 (Peng et al., 2022) as pretraining saves it, with the layers behind its bottleneck.
  static let beitV2 = Dialect(
    name: "beitv2", anchor: "patch_embed.proj.weight",
    marks: [.has("cls_pt_layers.0.norm1.weight")], rules: WeightRule.timm,
    dropped: [
      Drop("part of the pretraining head", "cls_pt_layers.**", "cls_pt_norm.**", "cls_pt_lm_head.**")
    ] + timmDropped)
}
