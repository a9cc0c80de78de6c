import Checkpoints
import Files
import Foundation
import TestSupport
import Tensors
import Testing
import VisionTransformer

func fixture(_ name: String) -> String { Fixtures.path("checkpoints/\(name)") }

/// The small model of tools/reference/checkpoints.py, from every wrapping.
@Suite struct LoadingTests {
  /// The weights' names and values, in the order of their names.
  private func expectedWeights() throws -> [String: Tensor] {
    try Safetensors.read(fixture("expected.safetensors")).tensors.filter { !$0.key.hasPrefix("resized.") }
  }

  private func expectSameWeights(_ loaded: LoadedCheckpoint) throws {
    let expected = try expectedWeights()
    #expect(loaded.weights.keys.sorted() == expected.keys.sorted())
    for (name, tensor) in expected {
      let actual = try #require(loaded.weights[name])
      #expect(actual.shape == tensor.shape, "\(name)")
      #expect(actual.floats() == tensor.floats(), "\(name)")
    }
  }

  @Test(
    arguments: [
      ("mae.pth", nil, "model", "mae"),
      ("bare.pth", nil, nil, "timm"),
      ("parameters.pth", nil, "state_dict", "timm"),
      ("parameters.pth", "state_dict", "state_dict", "timm"),
      ("views.pth", "nested.weights.of.it", "nested.weights.of.it", "timm"),
      ("float16.pth", nil, "model", "timm"),
      ("bfloat16.pth", nil, "model", "timm"),
      ("float64.pth", "model", "model", "timm"),
      ("hostile.pth", nil, "model", "timm"),
      ("legacy.pth", nil, "state_dict", "timm"),
      ("legacy-python2.pth", nil, "model", "timm"),
      ("legacy-protocol4.pth", "model", "model", "timm"),
    ] as [(String, String?, String?, String)])
  func everyWrappingHoldsTheSameModel(
    _ name: String, _ requestedKey: String?, _ foundKey: String?, _ dialect: String
  ) throws {
    let loaded = try CheckpointLoader.load(
      CheckpointRequest(path: fixture(name), checkpointKey: requestedKey, headCount: 2))
    try expectSameWeights(loaded)
    #expect(loaded.key == foundKey)
    #expect(loaded.dialect == dialect)
    #expect(loaded.fileName == name)
    #expect(try loaded.sha256 == SHA256.hexadecimal(ofFile: fixture(name)))
    #expect(
      try loaded.configuration
        == EncoderConfiguration(
          imageHeight: 16, imageWidth: 16, patchHeight: 4, patchWidth: 4, width: 8, depth: 2, headCount: 2,
          mlpWidth: 24))
    #expect(!FileManager.default.fileExists(atPath: "a-pickle-was-executed"))
    // The encoder is the judge of whether the weights are complete.
    _ = try Encoder(configuration: loaded.configuration, weights: loaded.weights)
  }

  @Test func typesStayAsTheyAreStored() throws {
    for type in ["float16", "bfloat16", "float64"] {
      let loaded = try CheckpointLoader.load(CheckpointRequest(path: fixture("\(type).pth"), headCount: 2))
      #expect(loaded.weights.values.allSatisfy { $0.elementType.rawValue == type })
    }
  }

  @Test func theReportSaysWhatWasDroppedAndCutOff() throws {
    let mae = try CheckpointLoader.load(CheckpointRequest(path: fixture("mae.pth"), headCount: 2))
    #expect(
      mae.report.dropped.map(\.key)
        == ["decoder_embed.weight", "decoder_pos_embed", "decoder_pred.bias", "mask_token"])
    #expect(mae.report.lines.contains { $0.contains("part of the MAE decoder: decoder_embed.weight") })
    let bare = try CheckpointLoader.load(CheckpointRequest(path: fixture("bare.pth"), headCount: 2))
    #expect(bare.report.dropped.map(\.key) == ["fc_norm.bias", "head.weight"])
    let parameters = try CheckpointLoader.load(
      CheckpointRequest(path: fixture("parameters.pth"), headCount: 2))
    #expect(parameters.report.notes.contains { $0.contains("timm, with module. in front") })
  }

  @Test func safetensorsWithTimmsConfigurationNeedNoOptions() throws {
    let loaded = try CheckpointLoader.load(CheckpointRequest(path: fixture("timm/model.safetensors")))
    var parts = EncoderParts()
    (parts.hasLayerScale, parts.hasQKVBias) = (true, false)
    #expect(
      try loaded.configuration
        == EncoderConfiguration(
          imageHeight: 16, imageWidth: 16, patchHeight: 4, patchWidth: 4, width: 8, depth: 2, headCount: 2,
          mlpWidth: 24, parts: parts, activation: .geluTanh))
    // timm's no_embed_class: [cls] has no entry.
    #expect(loaded.weights["pos_embed"]?.shape == [1, 16, 8])
    #expect(loaded.modelName == "vit_of_a_test")
    #expect(loaded.preprocessing.mean == [0.5, 0.5, 0.5])
    #expect(loaded.preprocessing.standardDeviation == [0.25, 0.5, 0.75])
    #expect(loaded.preprocessing.cropFraction == 0.9)
    #expect(loaded.key == nil)
    _ = try Encoder(configuration: loaded.configuration, weights: loaded.weights)
  }

  @Test func aPooledModelWithoutClassTokenOnAnOblongGrid() throws {
    let loaded = try CheckpointLoader.load(CheckpointRequest(path: fixture("pooled/model.safetensors")))
    var parts = EncoderParts()
    (parts.hasClassToken, parts.hasFinalNorm) = (false, false)
    #expect(
      try loaded.configuration
        == EncoderConfiguration(
          imageHeight: 8, imageWidth: 32, patchHeight: 4, patchWidth: 4, width: 8, depth: 2, headCount: 2,
          mlpWidth: 24, parts: parts, activation: .geluTanh))
    #expect(loaded.report.dropped.map(\.key) == ["fc_norm.bias", "fc_norm.weight"])
    _ = try Encoder(configuration: loaded.configuration, weights: loaded.weights)
  }

  @Test(arguments: [1, 3, 7, 13])
  func thePositionEmbeddingIsResizedAsPyTorchDoes(side: Int) throws {
    let loaded = try CheckpointLoader.load(
      CheckpointRequest(path: fixture("bare.pth"), inputSize: InputSize(square: 4 * side), headCount: 2))
    let expected = try #require(
      try Safetensors.read(fixture("expected.safetensors")).tensors["resized.\(side)"])
    let actual = try #require(loaded.weights["pos_embed"])
    #expect(actual.shape == expected.shape)
    let closeness = Closeness(actual.floats(), expected.floats())
    // PyTorch mixes rows first and columns second, in single precision: the sums are rounded in another order.
    #expect(closeness.maximumDifference < 1e-5, "\(closeness)")
    #expect(loaded.configuration.imageHeight == 4 * side)
    #expect(loaded.report.notes.contains { $0.contains("resized from 4x4 to \(side)x\(side)") })
  }

  @Test func anOblongPositionEmbeddingWithoutClassTokenIsResized() throws {
    let loaded = try CheckpointLoader.load(
      CheckpointRequest(path: fixture("pooled/model.safetensors"), inputSize: InputSize(square: 16)))
    let expected = try #require(
      try Safetensors.read(fixture("pooled-expected.safetensors")).tensors["resized.4"])
    let closeness = Closeness(try #require(loaded.weights["pos_embed"]).floats(), expected.floats())
    // PyTorch mixes rows first and columns second, in single precision: the sums are rounded in another order.
    #expect(closeness.maximumDifference < 1e-5, "\(closeness)")
  }

  @Test func aPositionEmbeddingWithoutClassEntryIsResized() throws {
    let loaded = try CheckpointLoader.load(
      CheckpointRequest(path: fixture("timm/model.safetensors"), inputSize: InputSize(square: 12)))
    #expect(loaded.weights["pos_embed"]?.shape == [1, 9, 8])
    _ = try Encoder(configuration: loaded.configuration, weights: loaded.weights)
  }
}
