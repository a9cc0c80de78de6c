import Files

/// Models that an encoder of blocks with norms in front cannot run, told by weights that only they have.
enum ForeignArchitecture {
  /// - Returns: what does not fit, for the user; nil where nothing is known to.
  static func reason(_ names: CheckpointNames) -> String? {
    for (ending, what) in table {
      if let name = names.names(endingIn: ending).first { return "\(what) (\(shortened(name)))" }
    }
    return nil
  }

  /// Whether words are looked up, in a file that holds no encoder of images.
  static func readsText(_ names: CheckpointNames) -> Bool {
    ofText.contains { !names.names(endingIn: $0).isEmpty }
  }

  /// Ends of names.
  private static let table: [(ending: String, what: String)] = [
    (
      "layers.0.blocks.0.attn.relative_position_bias_table",
      "is a Swin Transformer: its attention is windowed"
    ),
    ("layers.0.blocks.0.attn.logit_scale", "is a Swin Transformer V2: its attention is windowed"),
    ("stages.0.blocks.0.conv_dw.weight", "is a ConvNeXt, which has no attention"),
    ("stages.0.0.dwconv.weight", "is a ConvNeXt, which has no attention"),
    ("layer1.0.conv1.weight", "is a ResNet, which has no attention"),
    (
      "block1.0.attn.sr.weight",
      "is a Pyramid Vision Transformer: its keys are of another grid than its queries"
    ),
    ("blocks_token_only.0.attn.q.weight", "is a CaiT: its [cls] token is added behind blocks of patches"),
    ("blocks.0.attn.temperature", "is an XCiT: it attends to channels"),
    ("blocks.0.attns.0.qkv.weight", "has blocks whose branches are parallel"),
    ("blocks.0.in_proj.weight", "has blocks whose branches are parallel"),
    ("blocks.0.attn.rel_pos_h", "has the decomposed relative position of ViTDet: its attention is windowed"),
    ("blocks.0.attn.lambda_q1", "attends to the difference of two softmaxes"),
    ("patch_embed.proj.0.weight", "has a stem of convolutions in front of its blocks"),
    ("patch_embed.backbone.stem.conv.weight", "has a convolutional network in front of its blocks"),
    ("patch_embed.conv1.weight", "has a stem of convolutions in front of its blocks"),
    ("patch_generator.embedder.weight", "is a RADIO, which crops its position embedding"),
    (
      "modality_encoders.IMAGE.local_encoder.proj.weight",
      "is a data2vec 2.0, which has norms behind its branches"
    ),
    ("blocks.0.attn.wq.weight", "has keys and values that heads share"),
  ]

  static let endings = table.map(\.ending) + ofText

  static let postNorm = "has norms behind its branches instead of in front of them"

  /// What does not fit about a model of timm's with this name, whose weights' names do not tell.
  static func reason(named name: String) -> String? {
    let words = name.prefix { $0 != "." }.split(separator: "_")
    if words.contains("rpn") || (words.first == "eva02" && words.contains("enormous")) { return postNorm }
    if words.contains("rope") || words.contains("pe") || words.contains("lingbot") {
      return "turns queries and keys in a way of its own (\(shortened(name)))"
    }
    return nil
  }

  /// Of models that see no images; they may stand beside one that does.
  private static let ofText: [String] = [
    "embeddings.word_embeddings.weight", "embed_tokens.weight", "transformer.wte.weight",
    "token_embedding.weight", "shared.weight",
  ]
}
