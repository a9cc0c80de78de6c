import Files
import VisionTransformer

/// What the shapes of a Vision Transformer's weights reveal.
struct WeightDimensions: Equatable {
  let width: Int
  let depth: Int
  let channelCount: Int
  let patchHeight: Int
  let patchWidth: Int
  let mlpWidth: Int
  let parts: EncoderParts
  /// The length of the position embedding, if there is one: the patches, and in most models [cls] or all prefix tokens.
  let positionCount: Int?
  /// Whether every block has rotary frequencies of its own.
  let hasOwnFrequencies: Bool
  /// The length of a table of relative position biases.
  let relativePositionCount: Int?
  /// Where a table of relative positions, a norm of queries or rotary frequencies say it.
  let headCount: Int?
  /// The number of the rotary periods that are stored.
  let rotaryPeriodCount: Int?

  /// The largest number of blocks that is believed; the names of all their weights are listed.
  private static let mostBlocks = 1 << 12

  /// - Throws: ``InputError`` where the shapes are not those of a Vision Transformer.
  init(_ weights: EncoderWeights, path: String) throws(InputError) {
    let reader = ShapeReader(weights: weights, path: path)
    let projection = try reader.shape("patch_embed.proj.weight", axes: 4)
    (width, channelCount) = (projection[0], projection[1])
    (patchHeight, patchWidth) = (projection[2], projection[3])
    depth = try reader.depth(atMost: Self.mostBlocks)
    let hidden = try reader.shape("blocks.0.mlp.fc1.weight", axes: 2)[0]
    mlpWidth = try reader.shape("blocks.0.mlp.fc2.weight", axes: 2)[1]
    var parts = reader.parts()
    parts.registerCount = try reader.shapeIfThere("reg_token", axes: 3)?[1] ?? 0
    parts.isGated = hidden == 2 * mlpWidth
    self.parts = parts
    positionCount = try reader.shapeIfThere("pos_embed", axes: 3)?[1]
    let table = try reader.firstShape([Self.sharedTable, "blocks.0.\(Self.table)"], axes: 2)
    relativePositionCount = table?[0]
    hasOwnFrequencies = reader.has("blocks.0.\(Self.frequencies)")
    rotaryPeriodCount = try reader.shapeIfThere(Self.periods, axes: 1)?[0]
    let normWidth = try reader.shapeIfThere("blocks.0.attn.q_norm.weight", axes: 1)?[0]
    let turnedWidth = try reader.shapeIfThere("blocks.0.\(Self.frequencies)", axes: 2)?[1]
    let headWidth = normWidth ?? turnedWidth ?? rotaryPeriodCount.map { 4 * $0 }
    headCount = table?[1] ?? headWidth.flatMap { [width] in width.isMultiple(of: $0) ? width / $0 : nil }
  }

  fileprivate static let sharedTable = "rel_pos_bias.relative_position_bias_table"
  fileprivate static let frequencies = "attn.rope.freqs"
  static let periods = "rope.periods"
  fileprivate static let table = "attn.relative_position_bias_table"

  /// The patches that a position embedding of the right length may be for: it has entries for all tokens, for [cls] and
  /// the patches, or for the patches alone (timm's `no_embed_class`).
  var possiblePatchCounts: [Int] {
    guard let positionCount else { return [] }
    let classCount = parts.hasClassToken ? 1 : 0
    let counts = [
      positionCount - classCount - parts.registerCount, positionCount - classCount, positionCount,
    ]
    return counts.enumerated().filter { $1 > 0 && !counts[..<$0].contains($1) }.map(\.element)
  }

  /// The weights that an encoder needs, with their shapes.
  func neededShapes() -> [String: [Int]] {
    var shapes = ["patch_embed.proj.weight": [width, channelCount, patchHeight, patchWidth]]
    if parts.hasPatchBias { shapes["patch_embed.proj.bias"] = [width] }
    if let positionCount { shapes["pos_embed"] = [1, positionCount, width] }
    if parts.hasClassToken { shapes["cls_token"] = [1, 1, width] }
    if parts.registerCount > 0 { shapes["reg_token"] = [1, parts.registerCount, width] }
    if parts.hasPatchNorm { addNorm("patch_embed.norm", width, to: &shapes) }
    if parts.hasInputNorm { addNorm("norm_pre", width, to: &shapes) }
    if parts.hasFinalNorm { addNorm("norm", width, to: &shapes) }
    if let rotaryPeriodCount { shapes[Self.periods] = [rotaryPeriodCount] }
    if parts.relativePosition == .shared { shapes[Self.sharedTable] = tableShape }
    for index in 0..<depth {
      for (name, shape) in blockShapes() { shapes["blocks.\(index).\(name)"] = shape }
    }
    return shapes
  }

  private var tableShape: [Int] { [relativePositionCount ?? 0, headCount ?? 0] }

  private func addNorm(_ name: String, _ width: Int, to shapes: inout [String: [Int]]) {
    shapes["\(name).weight"] = [width]
    if parts.normKind == .layer { shapes["\(name).bias"] = [width] }
  }

  private func blockShapes() -> [String: [Int]] {
    let hidden = parts.isGated ? 2 * mlpWidth : mlpWidth
    var shapes = [
      "attn.qkv.weight": [3 * width, width], "attn.proj.weight": [width, width],
      "mlp.fc1.weight": [hidden, width], "mlp.fc2.weight": [width, mlpWidth],
    ]
    for name in ["norm1", "norm2"] { addNorm(name, width, to: &shapes) }
    if parts.hasQKVBias { shapes["attn.qkv.bias"] = [3 * width] }
    if parts.hasProjectionBias { shapes["attn.proj.bias"] = [width] }
    if parts.hasPerceptronBias { (shapes["mlp.fc1.bias"], shapes["mlp.fc2.bias"]) = ([hidden], [width]) }
    if parts.hasQueryKeyNorm, let headCount {
      for name in ["attn.q_norm", "attn.k_norm"] { addNorm(name, width / headCount, to: &shapes) }
    }
    if parts.hasAttentionNorm { addNorm("attn.norm", width, to: &shapes) }
    if parts.hasPerceptronNorm { addNorm("mlp.norm", mlpWidth, to: &shapes) }
    if hasOwnFrequencies { shapes[Self.frequencies] = [2, width / (headCount ?? 1)] }
    if parts.relativePosition == .perBlock { shapes[Self.table] = tableShape }
    if parts.hasLayerScale { (shapes["ls1.gamma"], shapes["ls2.gamma"]) = ([width], [width]) }
    return shapes
  }
}

/// The shapes of an encoder's weights, from a file that may hold anything.
private struct ShapeReader {
  let weights: EncoderWeights
  let path: String

  func has(_ name: String) -> Bool { weights.weights[name] != nil }

  func shapeIfThere(_ name: String, axes: Int) throws(InputError) -> [Int]? {
    guard let weight = weights.weights[name] else { return nil }
    let shape = weight.value.shape
    guard shape.count == axes, shape.allSatisfy({ 1...(1 << 24) ~= $0 }) else {
      throw InputError(
        path, "\(weight.keysInWords) has the shape \(shape), which no Vision Transformer has")
    }
    return shape
  }

  /// Of the first weight that is there.
  func firstShape(_ names: [String], axes: Int) throws(InputError) -> [Int]? {
    for name in names { if let shape = try shapeIfThere(name, axes: axes) { return shape } }
    return nil
  }

  func shape(_ name: String, axes: Int) throws(InputError) -> [Int] {
    if let shape = try shapeIfThere(name, axes: axes) { return shape }
    if let fault = weights.faults.first {
      throw InputError(path, fault, remedy: "only plain tensors can be read safely")
    }
    let key = weights.missing.first ?? weights.dialect.fileName(of: name, at: weights.place)
    throw InputError(
      path,
      "holds no Vision Transformer under the names of \(weights.dialect.name): \(shortened(key)) is missing",
      remedy: "the names here are \(excerpt(weights.keys.map(\.key))); another state dict of the file can be "
        + "named with --checkpoint-key")
  }

  func depth(atMost limit: Int) throws(InputError) -> Int {
    let last =
      weights.weights.keys.compactMap { name -> Int? in
        let parts = name.split(separator: ".", maxSplits: 2)
        return parts.count == 3 && parts[0] == "blocks" ? Int(parts[1]) : nil
      }.max() ?? 0
    guard 0..<limit ~= last else {
      throw InputError(path, "has a block number \(last), which no Vision Transformer has")
    }
    return last + 1
  }

  func parts() -> EncoderParts {
    var parts = EncoderParts()
    parts.hasClassToken = has("cls_token")
    parts.hasPositionEmbedding = has("pos_embed")
    parts.hasPatchBias = has("patch_embed.proj.bias")
    parts.hasPatchNorm = has("patch_embed.norm.weight")
    parts.hasInputNorm = has("norm_pre.weight")
    parts.normKind = weights.dialect.defaults.normKind
    parts.hasQKVBias = has("blocks.0.attn.qkv.bias")
    parts.hasQueryKeyNorm = has("blocks.0.attn.q_norm.weight")
    parts.hasAttentionNorm = has("blocks.0.attn.norm.weight")
    parts.hasProjectionBias = has("blocks.0.attn.proj.bias")
    parts.hasLayerScale = has("blocks.0.ls1.gamma")
    parts.hasPerceptronBias = has("blocks.0.mlp.fc1.bias")
    parts.hasPerceptronNorm = has("blocks.0.mlp.norm.weight")
    parts.hasFinalNorm = has("norm.weight")
    if has(WeightDimensions.sharedTable) {
      parts.relativePosition = .shared
    } else if has("blocks.0.\(WeightDimensions.table)") {
      parts.relativePosition = .perBlock
    }
    return parts
  }
}
