import Compute
import Tensors
import VisionTransformer

/// ViT-B/16 with random weights, all statistics measured: an image a thread, as `extract` encodes.
enum WholeEncoder {
  static func measure(_ stopwatch: Stopwatch, _ ceilings: Ceilings, _ report: inout Report) throws {
    let encoder = try Encoder(configuration: try configuration(), weights: weights())
    let pixels = randomBuffer(encoder.configuration.pixelValueCount)
    let operations = operationsPerImage(encoder.configuration)
    let blocks = [encoder.configuration.depth - 1]
    let workspace = encoder.makeWorkspace()
    report.add(
      "Encoder.encode, ViT-B/16, 1 thread",
      stopwatch.rate(of: operations) {
        encoder.encode(pixels: pixels.pointer, blocks: blocks, workspace: workspace)
      }, .operations, of: ceilings.multiplyAdd)
    let workspaces = PerWorker(stopwatch.parallel) { encoder.makeWorkspace() }
    let rate = try stopwatch.rateOnAllThreads(of: operations) { worker in
      // Making a workspace cannot fail.
      let workspace = try! workspaces.value(worker)
      encoder.encode(pixels: pixels.pointer, blocks: blocks, workspace: workspace)
    }
    let threads = "\(stopwatch.parallel.threadCount) threads"
    report.add(
      "Encoder.encode, ViT-B/16, \(threads)", rate, .operations, of: ceilings.multiplyAddOnAllThreads)
    report.add("the same in images", rate / operations, .images)
  }

  private static func configuration() throws -> EncoderConfiguration {
    try EncoderConfiguration(
      imageHeight: Base.side, imageWidth: Base.side, patchHeight: Base.patch, patchWidth: Base.patch,
      width: Base.width, depth: Base.depth, headCount: Base.headCount, mlpWidth: Base.mlpWidth)
  }

  /// Of the matrix products, two for a multiplication and its addition.
  private static func operationsPerImage(_ model: EncoderConfiguration) -> Double {
    let patchValueCount = model.channelCount * model.patchHeight * model.patchWidth
    let linear = model.tokenCount * model.width * (4 * model.width + 2 * model.mlpWidth)
    let attention = 2 * model.tokenCount * model.tokenCount * model.width
    return Double(2 * (model.patchCount * patchValueCount * model.width + model.depth * (linear + attention)))
  }

  private static func weights() -> [String: Tensor] {
    var weights: [String: Tensor] = [:]
    func add(_ name: String, _ shape: [Int], around center: Float = 0) {
      let values = randomBuffer(shape.reduce(1, *), seed: UInt64(weights.count))
      weights[name] = Tensor(values.buffer.lazy.map { center + 0.03 * $0 }, shape: shape)
    }
    add("cls_token", [1, 1, Base.width])
    add("pos_embed", [1, Base.tokenCount, Base.width])
    add("patch_embed.proj.weight", [Base.width, 3, Base.patch, Base.patch])
    add("patch_embed.proj.bias", [Base.width])
    for block in 0..<Base.depth {
      for norm in ["norm1", "norm2"] {
        add("blocks.\(block).\(norm).weight", [Base.width], around: 1)
        add("blocks.\(block).\(norm).bias", [Base.width])
      }
      for (layer, shape) in [
        ("attn.qkv", [3 * Base.width, Base.width]), ("attn.proj", [Base.width, Base.width]),
        ("mlp.fc1", [Base.mlpWidth, Base.width]), ("mlp.fc2", [Base.width, Base.mlpWidth]),
      ] {
        add("blocks.\(block).\(layer).weight", shape)
        add("blocks.\(block).\(layer).bias", [shape[0]])
      }
    }
    add("norm.weight", [Base.width], around: 1)
    add("norm.bias", [Base.width])
    return weights
  }
}
