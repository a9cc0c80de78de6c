import Files
import Foundation
import Tensors
import VisionTransformer

extension TimmDraft {
  mutating func becomeVisionTransformer() throws(InputError) {
    if parts.normKind == .rootMeanSquare || parts.hasPatchNorm {
      // The one kind of model with root-mean-square norms also has gates and normalises its patches.
      guard parts.normKind == .rootMeanSquare, parts.hasPatchNorm, parts.isGated else {
        throw misfit("these norms together with these perceptrons")
      }
      choose("aimv2_large_patch14_224", epsilon: 1e-5)
      splitGates()
    } else if parts.isGated {
      choose("vit_giant_patch14_dinov2", epsilon: 1e-6)
      // Its perceptron's width counts gates and values.
      arguments["mlp_ratio"] = .real(TimmModel.ratio(2 * configuration.mlpWidth, to: configuration.width))
    } else if configuration.layerNormEpsilon == 1e-5 {
      choose("vit_base_patch16_clip_224", epsilon: 1e-5)
    } else {
      choose("vit_base_patch16_224", epsilon: 1e-6)
    }
    if parts.hasProjectionBias != parts.hasPerceptronBias { addMissingBiases() }
    try placePatchBias()
    var arguments: [String: TimmValue] = [
      "class_token": .flag(parts.hasClassToken), "reg_tokens": .integer(parts.registerCount),
      "global_pool": parts.hasClassToken ? "token" : "avg", "fc_norm": false,
      "final_norm": .flag(parts.hasFinalNorm), "pre_norm": .flag(parts.hasInputNorm),
      "qk_norm": .flag(parts.hasQueryKeyNorm), "scale_attn_norm": .flag(parts.hasAttentionNorm),
      "scale_mlp_norm": .flag(parts.hasPerceptronNorm),
      "proj_bias": .flag(parts.hasProjectionBias || parts.hasPerceptronBias),
    ]
    if !parts.hasPositionEmbedding { arguments["pos_embed"] = "none" }
    if !parts.isGated {
      arguments["act_layer"] =
        switch configuration.activation {
        case .gelu: "gelu"
        case .geluTanh: "gelu_tanh"
        case .quickGelu: "quick_gelu"
        }
    }
    self.arguments.merge(arguments) { _, new in new }
  }

  mutating func becomeBeit() throws(InputError) {
    try requireLayerNormsAndGELU("relative positions")
    guard parts.hasClassToken, arguments["no_embed_class"] != true, configuration.rotary == nil,
      !parts.hasInputNorm, !parts.hasQueryKeyNorm, !parts.hasAttentionNorm
    else { throw misfit("relative positions together with the other parts of this one") }
    choose("beit_base_patch16_224", epsilon: 1e-6)
    addMissingBiases()
    try placePatchBias()
    renameBlocks(["ls1.gamma": "gamma_1", "ls2.gamma": "gamma_2"])
    if parts.isGated { splitGates() }
    splitQKVBias()
    arguments["no_embed_class"] = nil
    arguments.merge([
      "global_pool": parts.hasFinalNorm ? "token" : "avg",
      "use_fc_norm": .flag(!parts.hasFinalNorm), "swiglu_mlp": .flag(parts.isGated),
      "scale_mlp": .flag(parts.hasPerceptronNorm), "use_abs_pos_emb": .flag(parts.hasPositionEmbedding),
      "use_rel_pos_bias": .flag(parts.relativePosition == .perBlock),
      "use_shared_rel_pos_bias": .flag(parts.relativePosition == .shared),
    ]) { _, new in new }
    guard !parts.hasFinalNorm else { return }
    // timm's model has one of both norms.
    let width = configuration.width
    weights["fc_norm.weight"] = Tensor([Float](repeating: 1, count: width), shape: [width])
    weights["fc_norm.bias"] = Tensor([Float](repeating: 0, count: width), shape: [width])
    notes.append(
      "the norm of pooled tokens, which is no part of the encoder, has weights of 1 and biases of 0")
  }

  /// timm's `Beit` adds biases to queries and values alone. One of keys adds the same to all scores of a query, which the
  /// softmax takes out again.
  private mutating func splitQKVBias() {
    for index in 0..<configuration.depth {
      guard let bias = weights.removeValue(forKey: "blocks.\(index).attn.qkv.bias") else { continue }
      let width = configuration.width
      weights["blocks.\(index).attn.q_bias"] = bias.rows(0..<width)
      weights["blocks.\(index).attn.v_bias"] = bias.rows(2 * width..<3 * width)
    }
  }

  mutating func becomeEva() throws(InputError) {
    guard let rotary = configuration.rotary else { return }
    try requireLayerNormsAndGELU("rotary positions")
    if configuration.layerNormEpsilon == 1e-5 {
      choose("vit_base_patch16_dinov3", epsilon: 1e-5)
    } else {
      choose("eva02_base_patch14_224", epsilon: 1e-6)
    }
    addMissingBiases()
    try placePatchBias()
    renameBlocks(["ls1.gamma": "gamma_1", "ls2.gamma": "gamma_2"])
    if parts.isGated, parts.hasPerceptronNorm { splitGates() }
    try addRotary(rotary)
    arguments.merge([
      // The kind of attention that has a bias of keys as well.
      "attn_type": "rope", "qkv_fused": true, "dynamic_img_size": false,
      "global_pool": parts.hasClassToken ? "token" : "avg", "use_fc_norm": false,
      "class_token": .flag(parts.hasClassToken), "num_reg_tokens": .integer(parts.registerCount),
      "use_pre_transformer_norm": .flag(parts.hasInputNorm),
      "use_post_transformer_norm": .flag(parts.hasFinalNorm), "qk_norm": .flag(parts.hasQueryKeyNorm),
      "scale_attn_inner": .flag(parts.hasAttentionNorm), "scale_mlp": .flag(parts.hasPerceptronNorm),
      "swiglu_mlp": .flag(parts.isGated), "use_abs_pos_emb": .flag(parts.hasPositionEmbedding),
      "use_rot_pos_emb": true,
    ]) { _, new in new }
  }

  private mutating func addRotary(_ rotary: RotaryEmbedding) throws(InputError) {
    guard !rotary.turnsRegisters else { throw misfit("registers that are turned by a position") }
    arguments["rope_rotate_half"] = .flag(rotary.pairing == .halves)
    switch rotary.coordinates {
    case .steps(let reference):
      arguments["rope_type"] = "cat"
      if let reference { arguments["ref_feat_shape"] = .integers([reference, reference]) }
    case .centered: arguments["rope_type"] = "dinov3"
    case .unit: throw misfit("positions from 0 to 1")
    }
    switch rotary.frequencies {
    case .powers(let base): arguments["rope_temperature"] = .real(Double(base))
    case .periods(let periods):
      // Powers of their second number, but for rounding.
      guard let base = Self.base(of: periods) else {
        throw misfit("rotary periods that are no powers of a base")
      }
      arguments["rope_temperature"] = .real(base)
      notes.append("timm computes the rotary periods from a base of \(base)")
    case .learned: throw misfit("rotary frequencies of each block")
    }
  }

  /// The whole number whose powers the periods are, rounded to bfloat16 perhaps.
  static func base(of periods: [Float]) -> Double? {
    guard let last = periods.last, periods.count > 1, last > 1 else { return nil }
    let count = Double(periods.count)
    let base = pow(Double(last), count / (count - 1)).rounded()
    let fits = periods.enumerated().allSatisfy { index, period in
      abs(Double(period) / pow(base, Double(index) / count) - 1) < 1 / 128
    }
    return fits ? base : nil
  }

  private func requireLayerNormsAndGELU(_ what: String) throws(InputError) {
    guard parts.normKind == .layer, !parts.hasPatchNorm else { throw misfit("\(what) and these norms") }
    guard parts.isGated || configuration.activation == .gelu else {
      throw misfit("\(what) and the activation \(configuration.activation.rawValue)")
    }
  }
}
