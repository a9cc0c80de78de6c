import Checkpoints
import Compute
import Tensors

/// A random encoder of two blocks for images of 16 x 16 pixels, written as a checkpoint.
enum TinyEncoder {
  static let width = 24
  static let patch = 4
  static let depth = 2
  static let headCount = 2

  /// - Returns: what has to be given on the command line.
  static func write(to path: String, seed: UInt64 = 1) throws -> [String] {
    try Safetensors.write(weights(seed), to: path)
    return ["--finetune", path, "--num-heads", "\(headCount)", "--layer-norm-eps", "1e-6"]
  }

  static func request(_ path: String) -> CheckpointRequest {
    CheckpointRequest(path: path, headCount: headCount, layerNormEpsilon: 1e-6)
  }

  private static func weights(_ seed: UInt64) -> [String: Tensor] {
    var generator = SeededGenerator(seed: seed)
    var weights: [String: Tensor] = [:]
    func add(_ name: String, _ shape: [Int], scale: Double = 0.3, around center: Double = 0) {
      let count = shape.reduce(1, *)
      weights[name] = Tensor(
        (0..<count).map { _ in Float(center + scale * generator.normal()) }, shape: shape)
    }
    add("cls_token", [1, 1, width])
    add("pos_embed", [1, 1 + 16, width])
    add("patch_embed.proj.weight", [width, 3, patch, patch])
    add("patch_embed.proj.bias", [width])
    for block in 0..<depth {
      for norm in ["norm1", "norm2"] {
        add("blocks.\(block).\(norm).weight", [width], around: 1)
        add("blocks.\(block).\(norm).bias", [width])
      }
      for (layer, shape) in [
        ("attn.qkv", [3 * width, width]), ("attn.proj", [width, width]), ("mlp.fc1", [2 * width, width]),
        ("mlp.fc2", [width, 2 * width]),
      ] {
        add("blocks.\(block).\(layer).weight", shape)
        add("blocks.\(block).\(layer).bias", [shape[0]])
      }
    }
    add("norm.weight", [width], around: 1)
    add("norm.bias", [width])
    return weights
  }
}
