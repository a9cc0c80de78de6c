import Compute
import Tensors
import VisionTransformer

/// ViT-B/16 with random weights, all statistics measured: an image a thread, as `extract` encodes.
enum WholeEncoder {
  static func measure(_ stopwatch: Stopwatch, _ ceilings: Ceilings, _ report: inout Report) throws {
    let (configuration, weights) = (try configuration(), weights())
    for arithmetic in [Arithmetic.float32, .bfloat16] {
      let encoder = try Encoder(configuration: configuration, weights: weights, arithmetic: arithmetic)
      try measure(encoder, stopwatch, ceilings, &report)
    }
  }

  private static func measure(
    _ encoder: Encoder, _ stopwatch: Stopwatch, _ ceilings: Ceilings, _ report: inout Report
  ) throws {
    let operands = encoder.arithmetic.operands
    let pixels = randomBuffer(encoder.configuration.pixelValueCount)
    let operations = Double(
      EncoderStage.allCases.reduce(0) { $0 + (encoder.configuration.operationCount(of: $1) ?? 0) })
    let blocks = [encoder.configuration.depth - 1]
    let workspace = encoder.makeWorkspace()
    report.add(
      "Encoder.encode, ViT-B/16, \(operands), 1 thread",
      stopwatch.rate(of: operations) {
        encoder.encode(pixels: pixels.pointer, blocks: blocks, workspace: workspace)
      }, .operations, of: ceilings.products(of: operands))
    let workspaces = PerWorker(stopwatch.parallel) { encoder.makeWorkspace() }
    let rate = try stopwatch.rateOnAllThreads(of: operations) { worker in
      // Making a workspace cannot fail.
      let workspace = try! workspaces.value(worker)
      encoder.encode(pixels: pixels.pointer, blocks: blocks, workspace: workspace)
    }
    report.add(
      "Encoder.encode, ViT-B/16, \(operands), \(stopwatch.parallel.threadCount) threads", rate, .operations,
      of: ceilings.products(of: operands, onAllThreads: true))
    report.add("the same in images", rate / operations, .images)
  }

  private static func configuration() throws -> EncoderConfiguration {
    try EncoderConfiguration(
      imageHeight: Base.side, imageWidth: Base.side, patchHeight: Base.patch, patchWidth: Base.patch,
      width: Base.width, depth: Base.depth, headCount: Base.headCount, mlpWidth: Base.mlpWidth)
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
