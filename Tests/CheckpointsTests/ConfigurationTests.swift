import Checkpoints
import Files
import Foundation
import LinearLayers
import TestSupport
import Tensors
import Testing
import VisionTransformer

/// What files beside a checkpoint say: those of transformers, of open_clip, and models' names in them.
@Suite struct ConfigurationTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A family's weights with other files beside them.
  private func request(_ family: String, _ files: [String: String]) throws -> CheckpointRequest {
    let weights = try bytes(ofFile: Fixtures.path("families/\(family)/model.safetensors"))
    try folder.write(weights, to: "model.safetensors")
    for (name, text) in files { try folder.write(Array(text.utf8), to: name) }
    return CheckpointRequest(path: folder.file("model.safetensors"))
  }

  private func origin(_ name: String, _ loaded: LoadedCheckpoint) -> String? {
    loaded.report.settings.first { $0.name == name }?.origin
  }

  // MARK: - transformers

  @Test func transformersConfigurationsSayWhatWeightsDoNot() throws {
    let loaded = try CheckpointLoader.load(
      request(
        "transformers_vit",
        [
          "config.json": """
          {"model_type": "vit", "hidden_size": 16, "num_attention_heads": 4, "layer_norm_eps": 1e-3,
           "hidden_act": "gelu_pytorch_tanh"}
          """,
          "preprocessor_config.json": """
          {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6], "size": {"height": 12, "width": 12}, "resample": 2}
          """,
        ]))
    #expect(loaded.configuration.headCount == 4)
    #expect(loaded.configuration.layerNormEpsilon == 1e-3)
    #expect(loaded.configuration.activation == .geluTanh)
    #expect(loaded.preprocessing.mean == [0.1, 0.2, 0.3])
    #expect(loaded.preprocessing.standardDeviation == [0.4, 0.5, 0.6])
    #expect(loaded.preprocessing.interpolation == "bilinear")
    #expect(loaded.preprocessing.cropMode == "squash" && loaded.preprocessing.cropFraction == 1)
    #expect(origin("heads", loaded) == "from config.json")
    #expect(origin("mean", loaded) == "from preprocessor_config.json")
  }

  @Test(arguments: [
    (
      "{\"size\": {\"shortest_edge\": 256}, \"crop_size\": {\"height\": 224, \"width\": 224}}", 0.875,
      "center"
    ),
    ("{\"size\": 256, \"crop_size\": 192, \"do_center_crop\": true}", 0.75, "center"),
    ("{\"size\": {\"height\": 224, \"width\": 224}, \"do_center_crop\": false}", 1, "squash"),
    ("{\"size\": 224, \"crop_size\": 192, \"do_center_crop\": false}", 1, "squash"),
    ("{\"size\": 224, \"resample\": 2}", 1, "squash"),
    // Nothing is said: those of the family.
    ("{}", 1, "squash"),
  ])
  func everyFormOfASizeIsUnderstood(_ json: String, _ cropFraction: Double, _ cropMode: String) throws {
    var request = try request("transformers_vit", ["preprocessor_config.json": json])
    request.headCount = 2
    let hints = try CheckpointLoader.load(request).preprocessing
    #expect(hints.cropFraction == cropFraction && hints.cropMode == cropMode)
  }

  @Test func towersAreDescribedBelowTheirOwnKey() throws {
    let loaded = try CheckpointLoader.load(
      request(
        "transformers_clip",
        [
          "config.json": """
          {"model_type": "clip", "hidden_size": 7,
           "vision_config": {"hidden_size": 16, "num_attention_heads": 8, "hidden_act": "gelu"}}
          """
        ]))
    #expect(loaded.configuration.headCount == 8)
    #expect(loaded.configuration.activation == .gelu)
    // Not said there: CLIP's.
    #expect(loaded.configuration.layerNormEpsilon == 1e-5)
  }

  @Test(arguments: [
    ("{\"model_type\": \"vit\", \"hidden_size\": 17}", "whose hidden_size is 17: the weights have 16"),
    (
      "{\"model_type\": \"vit\", \"num_hidden_layers\": 3}",
      "whose num_hidden_layers is 3: the weights have 2"
    ),
    ("{\"model_type\": \"vit\", \"num_attention_heads\": 3}", "3 heads (from config.json) do not divide"),
    (
      "{\"model_type\": \"vit\", \"num_attention_heads\": 2, \"hidden_act\": \"relu\"}", "the activation relu"
    ),
    ("{\"model_type\": \"vit\", \"num_attention_heads\": []}", "num_attention_heads"),
  ])
  func contradictionsAreRefused(_ json: String, _ reason: String) throws {
    let request = try request("transformers_vit", ["config.json": json])
    let error = try #require(throws: InputError.self) { try CheckpointLoader.load(request) }
    #expect(error.reason.contains(reason), "\(error)")
  }

  // MARK: - open_clip

  @Test func openCLIPSaysItsHeadsAndItsActivation() throws {
    let path = Fixtures.path("families/open_clip_hub")
    let names = try FileManager.default.contentsOfDirectory(atPath: path).filter {
      $0.hasSuffix(".safetensors")
    }
    try folder.write(bytes(ofFile: "\(path)/\(try #require(names.first))"), to: "model.safetensors")
    try folder.write(
      Array(
        """
        {"model_cfg": {"quick_gelu": true, "vision_cfg": {"width": 16, "layers": 2, "head_width": 4}},
         "preprocess_cfg": {"mean": [0.1, 0.2, 0.3], "resize_mode": "shortest"}}
        """.utf8), to: "open_clip_config.json")
    let loaded = try CheckpointLoader.load(CheckpointRequest(path: folder.path))
    #expect(loaded.configuration.headCount == 4)
    #expect(loaded.configuration.activation == .quickGelu)
    #expect(loaded.preprocessing.mean == [0.1, 0.2, 0.3])
    #expect(loaded.preprocessing.cropMode == "center" && loaded.preprocessing.cropFraction == 1)
  }

  // MARK: - Names

  /// A name's sizes, as the error says them that weights of other sizes lead to.
  @Test(arguments: [
    ("vit_base_patch14_dinov2.lvd142m", "width 768, depth 12, MLP width 3072, patch 14x14"),
    ("vit_giant_patch14_reg4_dinov2.lvd142m", "width 1536, depth 40, MLP width 4096 (gated), patch 14x14"),
    ("vit_huge_plus_patch16_dinov3.lvd1689m", "width 1280, depth 32, MLP width 5120 (gated), patch 16x16"),
    ("vit_7b_patch16_dinov3", "width 4096, depth 40, MLP width 8192 (gated), patch 16x16"),
    ("vit_so400m_patch14_siglip_224", "width 1152, depth 27, MLP width 4304, patch 14x14"),
    ("vit_giant_patch14_clip_224.laion2b", "width 1408, depth 40, MLP width 6144, patch 14x14"),
    ("vit_base_patch16_clip_224.openai", "width 768, depth 12, MLP width 3072, patch 16x16"),
    ("beitv2_base_patch16_224", "width 768, depth 12, MLP width 3072, patch 16x16"),
    ("eva02_large_patch14_448.mim_m38m_ft_in1k", "width 1024, depth 24, MLP width 2730 (gated), patch 14x14"),
    ("eva_giant_patch14_336", "width 1408, depth 40, MLP width 6144, patch 14x14"),
    ("aimv2_3b_patch14_448", "width 3072, depth 24, MLP width 8192 (gated), patch 14x14"),
    ("deit_base_distilled_patch16_224", "width 768, depth 12, MLP width 3072, patch 16x16"),
    ("vit_base_patch16_plus_240", "width 896, depth 12, MLP width 3584, patch 16x16"),
  ])
  func namesOfEveryFamilyAreKnown(_ name: String, _ sizes: String) throws {
    let request = CheckpointRequest(path: fixture("bare.pth"), modelName: name)
    let error = try #require(throws: InputError.self) { try CheckpointLoader.load(request) }
    #expect(error.reason.hasPrefix("has \(sizes), but the weights in"), "\(error)")
  }

  @Test func anArchitectureSaysMoreThanItsSizes() throws {
    let request = try request(
      "timm_dinov3", ["config.json": "{\"architecture\": \"vit_base_patch16_dinov3\"}"])
    var loaded = try CheckpointLoader.load(request.withHeads(2))
    #expect(loaded.configuration.layerNormEpsilon == 1e-5)
    #expect(loaded.configuration.rotary?.coordinates == .centered)
    try folder.write(
      Array("{\"architecture\": \"vit_base_patch16_clip_224\", \"model_args\": {\"num_heads\": 2}}".utf8),
      to: "config.json")
    try folder.write(
      bytes(ofFile: Fixtures.path("families/timm_plain/model.safetensors")), to: "model.safetensors")
    loaded = try CheckpointLoader.load(request)
    #expect(loaded.configuration.layerNormEpsilon == 1e-5)
    #expect(origin("norm epsilon", loaded) == "from the architecture that config.json names")
    #expect(loaded.preprocessing.mean == [0.48145466, 0.4578275, 0.40821073])
  }

  @Test(arguments: [
    "vit_base_patch16_rope_mixed_224", "vit_pe_core_base_patch16_224", "eva02_enormous_patch14_clip_224",
  ])
  func architecturesThatWeightsDoNotTellAreRefusedByName(name: String) throws {
    let request = try request("timm_plain", ["config.json": "{\"architecture\": \"\(name)\"}"])
    let error = try #require(throws: InputError.self) { try CheckpointLoader.load(request.withHeads(2)) }
    #expect(error.reason.hasSuffix("by the config.json beside it"), "\(error)")
  }

  // MARK: - What families have in common

  /// MoCo-v3's small model has 12 heads where others of its width have 6.
  @Test func aFamilysHeadCountIsItsOwn() throws {
    let plain = try Safetensors.read(Fixtures.path("families/timm_plain/model.safetensors")).tensors
    let (width, hidden) = (384, 1536)
    var weights: [String: Tensor] = [:]
    let old = try #require(plain["norm.weight"]?.shape[0])
    let oldHidden = try #require(plain["blocks.0.mlp.fc1.weight"]?.shape[0])
    for (name, tensor) in plain where !name.hasPrefix("blocks.1.") && !name.hasPrefix("head.") {
      let shape = tensor.shape.map {
        $0 == old ? width : $0 == 3 * old ? 3 * width : $0 == oldHidden ? hidden : $0
      }
      weights["module.base_encoder.\(name)"] = Tensor(
        [Float](repeating: 0, count: shape.reduce(1, *)), shape: shape)
    }
    let path = folder.file("moco.safetensors")
    try Safetensors.write(weights, to: path)
    let loaded = try CheckpointLoader.load(CheckpointRequest(path: path))
    #expect(loaded.dialect == "moco-v3" && loaded.configuration.headCount == 12)
    #expect(origin("heads", loaded) == "assumed, as models of moco-v3 have it")
  }
}

extension CheckpointRequest {
  fileprivate func withHeads(_ count: Int) -> CheckpointRequest {
    var request = self
    request.headCount = count
    return request
  }
}
