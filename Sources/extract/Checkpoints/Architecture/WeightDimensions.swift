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
  /// The length of the position embedding: the patches, and [cls] in most models that have it.
  let positionCount: Int

  /// The largest number of blocks that is believed; the names of all their weights are listed.
  private static let mostBlocks = 1 << 12

  /// - Throws: ``InputError`` where the names or shapes are not those of a Vision Transformer in timm's layout.
  init(_ dictionary: StateDictionary, path: String) throws(InputError) {
    func shape(_ name: String, axes: Int) throws(InputError) -> [Int] {
      let shape: [Int]
      switch dictionary.entries[name] {
      case .weight(let weight): shape = weight.shape
      case .other(let what):
        throw InputError(
          path, "\(name) is \(shortened(what)), not a tensor", remedy: "only plain tensors can be read safely"
        )
      case nil:
        throw InputError(
          path, "holds no Vision Transformer under timm's names: \(name) is missing",
          remedy:
            "the names here are \(excerpt(dictionary.entries.keys.sorted())); another state dict of the file "
            + "can be named with --checkpoint-key")
      }
      guard shape.count == axes, shape.allSatisfy({ 1...(1 << 24) ~= $0 }) else {
        throw InputError(path, "\(name) has the shape \(shape), which no Vision Transformer has")
      }
      return shape
    }
    let projection = try shape("patch_embed.proj.weight", axes: 4)
    width = projection[0]
    channelCount = projection[1]
    patchHeight = projection[2]
    patchWidth = projection[3]
    positionCount = try shape("pos_embed", axes: 3)[1]
    mlpWidth = try shape("blocks.0.mlp.fc1.weight", axes: 2)[0]
    depth = try Self.depth(dictionary, path: path)
    var parts = EncoderParts()
    parts.hasClassToken = dictionary.entries["cls_token"] != nil
    parts.hasLayerScale = dictionary.entries["blocks.0.ls1.gamma"] != nil
    parts.hasQKVBias = dictionary.entries["blocks.0.attn.qkv.bias"] != nil
    parts.hasFinalNorm = dictionary.entries["norm.weight"] != nil
    self.parts = parts
  }

  private static func depth(_ dictionary: StateDictionary, path: String) throws(InputError) -> Int {
    let indices = dictionary.entries.keys.compactMap { name -> Int? in
      let parts = name.split(separator: ".", maxSplits: 2)
      return parts.count == 3 && parts[0] == "blocks" ? Int(parts[1]) : nil
    }
    let last = indices.max() ?? 0
    guard 0..<mostBlocks ~= last else {
      throw InputError(path, "has a block number \(last), which no Vision Transformer has")
    }
    return last + 1
  }

  /// The weights that an encoder needs, with their shapes.
  func neededShapes() -> [String: [Int]] {
    var shapes = [
      "patch_embed.proj.weight": [width, channelCount, patchHeight, patchWidth],
      "patch_embed.proj.bias": [width],
      "pos_embed": [1, positionCount, width],
    ]
    if parts.hasClassToken { shapes["cls_token"] = [1, 1, width] }
    if parts.hasFinalNorm {
      shapes["norm.weight"] = [width]
      shapes["norm.bias"] = [width]
    }
    for index in 0..<depth {
      for (name, shape) in blockShapes() { shapes["blocks.\(index).\(name)"] = shape }
    }
    return shapes
  }

  private func blockShapes() -> [String: [Int]] {
    var shapes = [
      "norm1.weight": [width], "norm1.bias": [width], "norm2.weight": [width], "norm2.bias": [width],
      "attn.qkv.weight": [3 * width, width],
      "attn.proj.weight": [width, width], "attn.proj.bias": [width],
      "mlp.fc1.weight": [mlpWidth, width], "mlp.fc1.bias": [mlpWidth],
      "mlp.fc2.weight": [width, mlpWidth], "mlp.fc2.bias": [width],
    ]
    if parts.hasQKVBias { shapes["attn.qkv.bias"] = [3 * width] }
    if parts.hasLayerScale {
      shapes["ls1.gamma"] = [width]
      shapes["ls2.gamma"] = [width]
    }
    return shapes
  }
}
