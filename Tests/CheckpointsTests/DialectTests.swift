import Checkpoints
import Compute
import Files
import Foundation
import TestSupport
import Tensors
import Testing
import VisionTransformer

/// Weights of the families' fixtures, changed: what is told apart, and what is refused.
@Suite struct DialectTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func tensors(_ file: String) throws -> [String: Tensor] {
    try Safetensors.read(Fixtures.path("families/\(file)/model.safetensors")).tensors
  }

  private func write(_ weights: [String: Tensor]) throws -> CheckpointRequest {
    let path = folder.file("changed.safetensors")
    try Safetensors.write(weights, to: path)
    return CheckpointRequest(path: path, headCount: 2)
  }

  private func load(_ weights: [String: Tensor]) throws -> LoadedCheckpoint {
    try CheckpointLoader.load(try write(weights))
  }

  private func error(_ weights: [String: Tensor], isSimMIM: Bool = false) throws -> InputError {
    var request = try write(weights)
    request.isSimMIM = isSimMIM
    return try #require(throws: InputError.self) { try CheckpointLoader.load(request) }
  }

  private func zeros(_ shape: Int...) -> Tensor {
    Tensor([Float](repeating: 0, count: shape.reduce(1, *)), shape: shape)
  }

  // MARK: - Where the encoder is

  @Test(arguments: ["module.", "model.backbone.", "a.b.c.d.e."])
  func whateverStandsInFrontOfAnEncoderIsFound(prefix: String) throws {
    let loaded = try load(
      Dictionary(uniqueKeysWithValues: tensors("transformers_vit").map { (prefix + $0.key, $0.value) }))
    #expect(loaded.dialect == "transformers-vit")
    #expect(loaded.report.notes.first?.contains(prefix) == true)
  }

  @Test func theTeacherIsPreferredToItsStudent() throws {
    var weights: [String: Tensor] = [:]
    for (name, tensor) in try tensors("timm_plain") {
      weights["student.backbone.\(name)"] = zeros2(tensor)
      weights["teacher.backbone.\(name)"] = tensor
    }
    weights["teacher.head.mlp.0.weight"] = zeros(2, 2)
    let loaded = try load(weights)
    #expect(loaded.dialect == "dino")
    #expect(try loaded.weights["pos_embed"]?.floats() == tensors("timm_plain")["pos_embed"]?.floats())
    #expect(
      Set(loaded.report.dropped.compactMap(\.reason)).isSuperset(of: [
        "part of the student", "part of the head",
      ]))
    var request = try write(weights)
    request.checkpointKey = "student.backbone"
    let student = try CheckpointLoader.load(request)
    #expect(student.weights["pos_embed"]?.floats().allSatisfy { $0 == 0 } == true)
  }

  private func zeros2(_ tensor: Tensor) -> Tensor {
    Tensor([Float](repeating: 0, count: tensor.count), shape: tensor.shape)
  }

  @Test func encodersWithEqualClaimsAreNotChosenFrom() throws {
    var weights: [String: Tensor] = [:]
    for (name, tensor) in try tensors("timm_plain") {
      weights["one.\(name)"] = tensor
      weights["two.\(name)"] = tensor
    }
    let error = try error(weights)
    #expect(error.reason == "holds several encoders: one., two.")
    #expect(error.remedy == "name one with --checkpoint-key")
    for index in 0..<100_000 { weights["many.\(index).patch_embed.proj.weight"] = zeros(0) }
    #expect(try self.error(weights).reason.contains("several encoders"))
  }

  @Test func chunkedBlocksAreNumberedThrough() throws {
    var weights: [String: Tensor] = ["mask_token": zeros(1, 16)]
    for (name, tensor) in try tensors("timm_plain") {
      let chunk = name.hasPrefix("blocks.") ? "blocks.\(name.contains("blocks.0") ? 0 : 1)." : ""
      weights[chunk.isEmpty ? name : chunk + name.dropFirst("blocks.".count)] = tensor
    }
    let width = try #require(weights["norm.weight"]?.shape[0])
    weights["mask_token"] = zeros(1, width)
    let loaded = try load(weights)
    #expect(loaded.dialect == "dinov2")
    #expect(loaded.configuration.depth == 2)
  }

  // MARK: - --simmim

  @Test func simMIMMayBeInsistedOn() throws {
    let path = Fixtures.path("families/simmim_fine_tuned.pth")
    var request = CheckpointRequest(path: path, headCount: 2)
    #expect(try CheckpointLoader.load(request).dialect == "beit")
    request.isSimMIM = true
    let loaded = try CheckpointLoader.load(request)
    #expect(loaded.dialect == "simmim")
    // Not those of BEiT, whose names these are as well.
    #expect(loaded.preprocessing.mean == [0.485, 0.456, 0.406])
    let error = try error(tensors("transformers_vit"), isSimMIM: true)
    #expect(error.reason == "is no checkpoint of SimMIM but of transformers-vit")
    #expect(error.remedy == "leave out --simmim")
  }

  // MARK: - Parts of weights

  @Test func aMissingPartIsNamedAsTheFileWouldHaveIt() throws {
    var weights = try tensors("transformers_vit")
    let name = try #require(weights.keys.first { $0.hasSuffix("layer.1.attention.attention.key.weight") })
    weights[name] = nil
    let error = try error(weights)
    #expect(error.reason.hasSuffix("1 key is missing (\(name))"))
  }

  @Test func theBiasOfKeysMayBeMissing() throws {
    var weights = try tensors("transformers_vit")
    for name in weights.keys.filter({ $0.hasSuffix("key.bias") }) { weights[name] = nil }
    let loaded = try load(weights)
    let bias = try #require(loaded.weights["blocks.0.attn.qkv.bias"]).floats()
    let width = loaded.configuration.width
    #expect(bias[width..<2 * width].allSatisfy { $0 == 0 })
    #expect(bias[..<width].contains { $0 != 0 })
  }

  @Test func partsThatDoNotFitTogetherAreRefused() throws {
    var weights = try tensors("transformers_vit")
    let name = try #require(weights.keys.first { $0.hasSuffix("layer.0.attention.attention.value.weight") })
    let width = try #require(weights[name]?.shape[1])
    weights[name] = zeros(width, width + 1)
    let shapes = try error(weights)
    #expect(shapes.reason.contains("cannot be joined"), "\(shapes)")
    weights[name] = zeros(width + 1, width)
    #expect(
      try error(weights).reason.contains(
        "is [\(3 * width + 1), \(width)] instead of [\(3 * width), \(width)]"))
    weights[name] = Tensor(
      owning: SharedBuffer(count: 2 * width * width), elementType: .float16, shape: [width, width])
    #expect(try error(weights).reason.contains("float32 and float16 values cannot be joined"))
  }

  @Test func twoNamesOfOneWeightAreRefused() throws {
    var weights = try tensors("timm_plain")
    weights["blocks.0.attn.q_bias"] = zeros(16)
    weights["blocks.0.attn.v_bias"] = zeros(16)
    #expect(
      try error(weights).reason
        == "holds blocks.0.attn.qkv.bias twice: as blocks.0.attn.q_bias and as blocks.0.attn.qkv.bias")
    weights = try tensors("timm_registers")
    weights["dist_token"] = zeros(1, 1, 16)
    #expect(try error(weights).reason == "holds reg_token twice: as dist_token and as reg_token")
  }

  @Test(arguments: [[], [0], [16, 3, 3, 3, 1], [1 << 25, 3, 3, 3]] as [[Int]])
  func absurdShapesAreRefused(shape: [Int]) throws {
    var weights = try tensors("timm_plain")
    // Sparse: nothing is read before shapes are known to fit.
    let count = shape.contains { $0 > 1 << 20 } ? [0] + shape.dropFirst() : shape
    weights["patch_embed.proj.weight"] = Tensor(
      [Float](repeating: 0, count: count.reduce(1, *)), shape: count)
    #expect(try error(weights).reason.contains("which no Vision Transformer has"))
  }

  // MARK: - Other models

  @Test(arguments: [
    ("layers.0.blocks.0.attn.logit_scale", "Swin Transformer V2"), ("layer1.0.conv1.weight", "ResNet"),
    ("block1.0.attn.sr.weight", "Pyramid Vision Transformer"),
    ("blocks_token_only.0.attn.q.weight", "CaiT"), ("blocks.0.attn.rel_pos_h", "windowed"),
    ("patch_embed.proj.0.weight", "stem of convolutions"), ("blocks.0.attns.0.qkv.weight", "parallel"),
    ("modality_encoders.IMAGE.local_encoder.proj.weight", "norms behind its branches"),
  ])
  func othersAreRefusedByWhatTheyHave(key: String, reason: String) throws {
    var weights = try tensors("timm_plain")
    weights["module.\(key)"] = zeros(1)
    #expect(try error(weights).reason.contains(reason))
  }

  @Test func languageModelsAreRefused() throws {
    let error = try error([
      "model.embed_tokens.weight": zeros(4, 2), "model.layers.0.mlp.up_proj.weight": zeros(2, 2),
    ])
    #expect(error.reason == "holds a model of text and no encoder of images")
  }

  @Test func learnedMixedFrequenciesAreLeftOver() throws {
    var weights = try tensors("timm_plain")
    weights["rope.freqs"] = zeros(2, 2)
    #expect(try error(weights).reason.contains("1 key is left over (rope.freqs)"))
  }
}
