import Checkpoints
import Files
import Foundation
import TestSupport
import Tensors
import Testing
import VisionTransformer

/// Where what weights cannot reveal comes from, and which statements contradict each other.
@Suite struct SettingsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func error(_ request: CheckpointRequest) throws -> InputError {
    try #require(throws: InputError.self) { try CheckpointLoader.load(request) }
  }

  /// A checkpoint of zeros with the sizes of a published model, but for its depth.
  private func zeros(
    width: Int, depth: Int, patchSide: Int, grid: Int, metadata: [String: String] = [:]
  ) throws -> String {
    func tensor(_ shape: Int...) -> Tensor {
      Tensor([Float](repeating: 0, count: shape.reduce(1, *)), shape: shape)
    }
    var weights = [
      "cls_token": tensor(1, 1, width), "pos_embed": tensor(1, grid * grid + 1, width),
      "patch_embed.proj.weight": tensor(width, 3, patchSide, patchSide),
      "patch_embed.proj.bias": tensor(width),
      "norm.weight": tensor(width), "norm.bias": tensor(width),
    ]
    for index in 0..<depth {
      for norm in ["norm1", "norm2"] {
        weights["blocks.\(index).\(norm).weight"] = tensor(width)
        weights["blocks.\(index).\(norm).bias"] = tensor(width)
      }
      for (layer, output, input) in [
        ("attn.qkv", 3 * width, width), ("attn.proj", width, width), ("mlp.fc1", 4 * width, width),
        ("mlp.fc2", width, 4 * width),
      ] {
        weights["blocks.\(index).\(layer).weight"] = tensor(output, input)
        weights["blocks.\(index).\(layer).bias"] = tensor(output)
      }
    }
    let path = folder.file("zeros.safetensors")
    try Safetensors.write(weights, metadata: metadata, to: path)
    return path
  }

  @Test func theHeadCountIsNeverGuessed() throws {
    let error = try error(CheckpointRequest(path: fixture("bare.pth")))
    #expect(error.reason.contains("does not reveal its number of attention heads (width 8, depth 2"))
    #expect(error.remedy?.contains("--num-heads N") == true)
  }

  @Test func sizesOfAPublishedModelSayItsHeadCount() throws {
    let path = try zeros(width: 192, depth: 12, patchSide: 16, grid: 2)
    let loaded = try CheckpointLoader.load(CheckpointRequest(path: path))
    #expect(loaded.configuration.headCount == 3)
    #expect(loaded.configuration.imageHeight == 32)
    #expect(loaded.modelName == "vit_tiny_patch16")
    let setting = try #require(loaded.report.settings.first { $0.name == "heads" })
    #expect(setting.origin == "as vit_tiny_patch16 has it, whose sizes the weights have")
  }

  @Test(arguments: [
    "vit_tiny_patch16", "vit_tiny_patch16_32", "deit_tiny_patch16_32.fb_in1k", "mae_vit_tiny_patch16",
  ])
  func aModelsNameSaysItsHeadCount(name: String) throws {
    let path = try zeros(width: 192, depth: 12, patchSide: 16, grid: 2)
    let loaded = try CheckpointLoader.load(CheckpointRequest(path: path, modelName: name))
    #expect(loaded.configuration.headCount == 3)
    #expect(loaded.modelName == name)
  }

  @Test(arguments: [
    "vit_enormous_patch16", "vit_tiny", "vit_tiny_patch", "vit_tiny_patch16_fancy", "vit_tiny_patch0", "",
    "resnet50",
    "vit_tiny_patch16_224_x", "vit_tiny_patch99999999999999999999",
  ])
  func unknownNamesAreRefused(name: String) throws {
    let error = try error(CheckpointRequest(path: fixture("bare.pth"), modelName: name))
    #expect(error.subject == "--model \(name)")
    #expect(error.remedy?.contains("vit_huge_patch14") == true)
  }

  @Test func aNameThatContradictsTheWeightsIsRefused() throws {
    let error = try error(CheckpointRequest(path: fixture("bare.pth"), modelName: "vit_base_patch16"))
    #expect(
      error.reason.contains("has width 768, depth 12, MLP width 3072, patch 16x16, but the weights in"))
    #expect(error.reason.contains("have width 8, depth 2, MLP width 24, patch 4x4"))
  }

  @Test func aNamesInputSizeMustFitThePositionEmbedding() throws {
    let path = try zeros(width: 192, depth: 12, patchSide: 16, grid: 2)
    let request = CheckpointRequest(path: path, modelName: "vit_tiny_patch16_224")
    let error = try error(request)
    #expect(
      error.reason.contains("for 2x2 patches, which does not fit the input of 224x224 pixels from --model"))
    #expect(error.remedy?.contains("--input-size 32") == true)
  }

  @Test func optionsPrevail() throws {
    let loaded = try CheckpointLoader.load(
      CheckpointRequest(
        path: fixture("timm/model.safetensors"), headCount: 4, layerNormEpsilon: 1e-5, activation: .quickGelu,
        mean: [0, 0, 0], standardDeviation: [1, 1, 1], cropFraction: 1))
    #expect(loaded.configuration.headCount == 4)
    #expect(loaded.configuration.layerNormEpsilon == 1e-5)
    #expect(loaded.configuration.activation == .quickGelu)
    #expect(loaded.preprocessing.mean == [0, 0, 0])
    #expect(loaded.preprocessing.standardDeviation == [1, 1, 1])
    #expect(loaded.preprocessing.cropFraction == 1)
  }

  @Test func withoutAnyStatementTheDefaultsAreMAEs() throws {
    let loaded = try CheckpointLoader.load(CheckpointRequest(path: fixture("bare.pth"), headCount: 2))
    #expect(loaded.configuration.layerNormEpsilon == 1e-6)
    #expect(loaded.configuration.activation == .gelu)
    #expect(
      loaded.preprocessing
        == PreprocessingHints(
          inputHeight: 16, inputWidth: 16, mean: [0.485, 0.456, 0.406],
          standardDeviation: [0.229, 0.224, 0.225],
          cropFraction: 0.875, interpolation: "bicubic"))
    #expect(loaded.report.settings.map(\.name).contains("norm epsilon"))
  }

  @Test(arguments: [
    (CheckpointRequest(path: "", headCount: 0), "--num-heads 0"),
    (CheckpointRequest(path: "", inputSize: InputSize(square: -1)), "--input-size -1"),
    (CheckpointRequest(path: "", layerNormEpsilon: .nan), "--layer-norm-eps nan"),
    (CheckpointRequest(path: "", mean: [1, 2]), "--mean"),
    (CheckpointRequest(path: "", standardDeviation: [1, 1, 0]), "--std"),
    (CheckpointRequest(path: "", cropFraction: 1.5), "--crop-pct"),
  ])
  func impossibleOptionsAreRefused(_ request: CheckpointRequest, _ subject: String) throws {
    #expect(try error(request).subject == subject)
  }

  @Test func headsMustDivideTheWidth() throws {
    let error = try error(CheckpointRequest(path: fixture("bare.pth"), headCount: 3))
    #expect(error.reason.contains("3 heads (from --num-heads) do not divide the width 8"))
  }

  @Test func anInputSmallerThanAPatchIsRefused() throws {
    let error = try error(
      CheckpointRequest(path: fixture("bare.pth"), inputSize: InputSize(square: 3), headCount: 2))
    #expect(error.subject == "--input-size 3")
  }

  // MARK: - config.json

  private func withConfiguration(_ json: String) throws -> CheckpointRequest {
    try folder.write(bytes(ofFile: fixture("bare.pth")), to: "model.pth")
    try folder.write(Array(json.utf8), to: "config.json")
    return CheckpointRequest(path: folder.file("model.pth"))
  }

  @Test(arguments: [
    ("", "is no configuration of a model"),
    ("[]", "is no configuration of a model"),
    ("{\"model_args\": {\"num_heads\": \"two\"}}", "model_args.num_heads"),
    ("{\"model_args\": {\"num_heads\": 3}}", "3 heads (from config.json)"),
    ("{\"model_args\": {\"num_heads\": 0}}", "0 heads (from config.json)"),
    ("{\"model_args\": {\"num_heads\": 2, \"embed_dim\": 16}}", "whose embed_dim is 16: the weights have 8"),
    (
      "{\"model_args\": {\"num_heads\": 2, \"patch_size\": [4, 8]}}",
      "whose patch_size is 8: the weights have 4"
    ),
    ("{\"model_args\": {\"num_heads\": 2, \"img_size\": 0}}", "is no size in pixels"),
    ("{\"model_args\": {\"num_heads\": 2, \"img_size\": 224}}", "which does not fit the input of 224x224"),
    ("{\"model_args\": {\"num_heads\": 2, \"act_layer\": \"swish\"}}", "the activation swish"),
    (
      "{\"model_args\": {\"num_heads\": 2}, \"pretrained_cfg\": {\"mean\": [1]}}",
      "whose mean must be three numbers"
    ),
    ("{\"model_args\": {\"num_heads\": 2}, \"pretrained_cfg\": {\"crop_pct\": 0}}", "whose crop-pct must be"),
    ("{\"architecture\": \"vit_of_nobody\"}", "does not reveal its number of attention heads"),
  ])
  func configurationsThatCannotBeUsedAreRefused(_ json: String, _ reason: String) throws {
    let error = try error(try withConfiguration(json))
    #expect(error.reason.contains(reason), "\(error)")
  }

  @Test func anOlderConfigurationHasItsPreprocessingAtTheTop() throws {
    var request = try withConfiguration(
      "{\"architecture\": \"vit_old\", \"mean\": [0.1, 0.2, 0.3], \"input_size\": [3, 16, 16]}")
    request.headCount = 2
    let loaded = try CheckpointLoader.load(request)
    #expect(loaded.preprocessing.mean == [0.1, 0.2, 0.3])
    #expect(loaded.modelName == "vit_old")
  }

  @Test func aSafetensorsFileMayCarryItsConfiguration() throws {
    let path = try zeros(
      width: 8, depth: 1, patchSide: 4, grid: 2, metadata: ["config": "{\"model_args\": {\"num_heads\": 4}}"])
    #expect(try CheckpointLoader.load(CheckpointRequest(path: path)).configuration.headCount == 4)
  }
}
