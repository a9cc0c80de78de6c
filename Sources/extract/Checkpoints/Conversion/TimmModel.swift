import Files
import Tensors
import VisionTransformer

/// An encoder as timm has it: which of its models, with which arguments, and the weights under that model's names.
struct TimmModel {
  /// The name of a function of timm's that makes models of this kind; the arguments replace all of its sizes.
  let architecture: String
  let arguments: [String: TimmValue]
  let weights: [String: Tensor]
  /// What timm does otherwise, a sentence each.
  let notes: [String]

  /// - Throws: ``InputError`` that says what no model of timm's has.
  init(_ checkpoint: LoadedCheckpoint) throws(InputError) {
    let configuration = checkpoint.configuration
    var draft = TimmDraft(checkpoint)
    draft.arguments = Self.sizes(configuration)
    draft.placePositions()
    if configuration.parts.relativePosition != nil {
      try draft.becomeBeit()
    } else if configuration.rotary != nil {
      try draft.becomeEva()
    } else {
      try draft.becomeVisionTransformer()
    }
    architecture = draft.architecture
    arguments = draft.arguments
    weights = draft.weights
    notes = draft.notes
  }

  private static func sizes(_ configuration: EncoderConfiguration) -> [String: TimmValue] {
    var arguments: [String: TimmValue] = [
      "img_size": .integers([configuration.imageHeight, configuration.imageWidth]),
      "patch_size": .integer(configuration.patchHeight), "in_chans": .integer(configuration.channelCount),
      "embed_dim": .integer(configuration.width), "depth": .integer(configuration.depth),
      "num_heads": .integer(configuration.headCount), "num_classes": 0,
      "mlp_ratio": .real(ratio(configuration.mlpWidth, to: configuration.width)),
      "qkv_bias": .flag(configuration.parts.hasQKVBias),
    ]
    if configuration.patchHeight != configuration.patchWidth {
      arguments["patch_size"] = .integers([configuration.patchHeight, configuration.patchWidth])
    }
    if configuration.parts.hasLayerScale { arguments["init_values"] = .real(1e-5) }
    return arguments
  }

  /// A ratio of which timm makes just this width: it multiplies and cuts off what is behind the point.
  static func ratio(_ mlpWidth: Int, to width: Int) -> Double {
    mlpWidth.isMultiple(of: width)
      ? Double(mlpWidth / width) : (Double(mlpWidth) + 0.5) / Double(width)
  }
}

/// A model of timm's on its way.
struct TimmDraft {
  let path: String
  let configuration: EncoderConfiguration
  var architecture = ""
  var arguments: [String: TimmValue] = [:]
  var weights: [String: Tensor]
  var notes: [String] = []
  var parts: EncoderParts { configuration.parts }

  init(_ checkpoint: LoadedCheckpoint) {
    path = checkpoint.fileName
    configuration = checkpoint.configuration
    weights = checkpoint.weights
  }

  func misfit(_ what: String) -> InputError {
    InputError(path, "cannot be written for timm: none of its models has \(what)")
  }

  mutating func renameBlocks(_ names: [String: String]) {
    for index in 0..<configuration.depth {
      for (name, other) in names {
        if let tensor = weights.removeValue(forKey: "blocks.\(index).\(name)") {
          weights["blocks.\(index).\(other)"] = tensor
        }
      }
    }
  }

  /// The gate's half and the other one of gated perceptrons, which some of timm's models have apart.
  mutating func splitGates() {
    for index in 0..<configuration.depth {
      for kind in ["weight", "bias"] {
        guard let tensor = weights.removeValue(forKey: "blocks.\(index).mlp.fc1.\(kind)") else { continue }
        let half = tensor.shape[0] / 2
        weights["blocks.\(index).mlp.fc1_g.\(kind)"] = tensor.rows(0..<half)
        weights["blocks.\(index).mlp.fc1_x.\(kind)"] = tensor.rows(half..<2 * half)
      }
    }
  }

  /// Biases of zeros, where timm has no model without them.
  mutating func addZeros(_ name: String, _ count: Int) {
    for index in 0..<configuration.depth where weights["blocks.\(index).\(name)"] == nil {
      weights["blocks.\(index).\(name)"] = Tensor([Float](repeating: 0, count: count), shape: [count])
    }
  }

  mutating func addMissingBiases() {
    addZeros("attn.proj.bias", configuration.width)
    addZeros("mlp.fc1.bias", parts.isGated ? 2 * configuration.mlpWidth : configuration.mlpWidth)
    addZeros("mlp.fc2.bias", configuration.width)
  }

  /// timm has entries of the position embedding for all tokens or for the patches alone.
  mutating func placePositions() {
    guard let embedding = weights["pos_embed"], configuration.prefixTokenCount > 0 else { return }
    let count = embedding.shape[1]
    if count == 1 + configuration.patchCount, parts.hasClassToken, parts.registerCount > 0,
      let token = weights["cls_token"]
    {
      let values = embedding.floats()
      let width = configuration.width
      weights["cls_token"] = Tensor(
        zip(token.floats(), values[..<width]).map { $0 + $1 }, shape: token.shape)
      weights["pos_embed"] = Tensor(
        values[width...], shape: [1, configuration.patchCount, width])
      arguments["no_embed_class"] = true
    } else {
      arguments["no_embed_class"] = .flag(count == configuration.patchCount)
    }
  }

  /// timm's patch embedding has a bias just where no norm follows in front of the first block.
  mutating func placePatchBias() throws(InputError) {
    let name = "patch_embed.proj.bias"
    if parts.hasInputNorm, let bias = weights.removeValue(forKey: name) {
      guard let embedding = weights["pos_embed"] else {
        throw misfit("a norm in front of the first block and a bias of the patches")
      }
      var values = embedding.floats()
      let (width, biases) = (configuration.width, bias.floats())
      for index in values.count - configuration.patchCount * width..<values.count {
        values[index] += biases[index % width]
      }
      weights["pos_embed"] = Tensor(values, shape: embedding.shape)
    } else if !parts.hasInputNorm, !parts.hasPatchBias {
      weights[name] = Tensor([Float](repeating: 0, count: configuration.width), shape: [configuration.width])
    }
  }

  /// timm's configuration files hold no epsilon: it comes with the architecture.
  mutating func choose(_ architecture: String, epsilon: Float) {
    self.architecture = architecture
    if configuration.layerNormEpsilon != epsilon {
      notes.append(
        "timm's norms have an epsilon of \(epsilon) there, not of \(configuration.layerNormEpsilon), which its config.json "
          + "cannot say")
    }
  }
}
