import Checkpoints
import Compute
import Files
import Foundation
import LinearLayers
import TestSupport
import Tensors
import Testing
import VisionTransformer

/// A tiny model of one of the field's families, saved as its own code saves it, and what that code makes of an image.
struct FamilyCase: Decodable, Sendable, CustomTestStringConvertible {
  struct Options: Decodable, Sendable {
    var headCount: Int?
    var inputSize: [Int]?
    var checkpointKey: String?
    var layerNormEpsilon: Float?
    var activation: Activation?

    enum CodingKeys: String, CodingKey {
      case activation
      case headCount = "num_heads"
      case inputSize = "input_size"
      case checkpointKey = "checkpoint_key"
      case layerNormEpsilon = "layer_norm_eps"
    }
  }

  let name: String
  let file: String
  let expected: String
  let dialect: String
  let options: Options
  var testDescription: String { name }

  static let all = read("cases.json", [FamilyCase].self)

  /// The inventory that tools/reference/families writes.
  static func read<Value: Decodable>(_ name: String, _: Value.Type) -> Value {
    let path = Fixtures.path("families/\(name)")
    do {
      return try JSONDecoder().decode(Value.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
      preconditionFailure("\(path) cannot be read: \(error)")
    }
  }

  var request: CheckpointRequest {
    CheckpointRequest(
      path: Fixtures.path("families/\(file)"), checkpointKey: options.checkpointKey,
      inputSize: options.inputSize.map { InputSize(height: $0[0], width: $0[1]) },
      headCount: options.headCount,
      layerNormEpsilon: options.layerNormEpsilon, activation: options.activation)
  }
}

@Suite struct FamilyTests {
  /// Tokens and statistics are those of the family's own code in double precision: within 1e-5, relative for tokens.
  @Test(arguments: FamilyCase.all)
  func everyFamilyIsEncodedAsItsOwnCodeDoes(_ family: FamilyCase) throws {
    let loaded = try CheckpointLoader.load(family.request)
    #expect(loaded.dialect == family.dialect)
    let expected = try Safetensors.read(Fixtures.path("families/\(family.expected)")).tensors
    func values(_ name: String) throws -> [Float] { try #require(expected[name], "\(name)").floats() }
    let encoder = try Encoder(configuration: loaded.configuration, weights: loaded.weights)
    let (pixels, workspace) = (SharedBuffer(try values("pixels")), encoder.makeWorkspace())
    let output = withExtendedLifetime(pixels) {
      encoder.encode(
        pixels: pixels.pointer, blocks: Array(0..<loaded.configuration.depth), workspace: workspace)
    }
    let (tokens, expectedTokens) = (output.tokens.flatMap(\.array), try values("tokens"))
    try #require(tokens.count == expectedTokens.count)
    let closeness = Closeness(tokens, expectedTokens)
    #expect(closeness.relativeError < 1e-5, "tokens: \(closeness)")
    try expectClose(output.attentionStatistics, values("attention_statistics"))
    try expectClose(output.magnitudes, values("magnitudes"))
    try expectClose(output.centerAttention, values("center_attention"))
    if let classAttention = output.classAttention {
      try expectClose(classAttention, values("class_attention"))
    }
    if let normalized = expected["normalized"] {
      try expectNormalized(encoder, last: try #require(output.tokens.last), normalized.floats())
    }
  }

  /// NaN stands for what a model without [cls] has not.
  private func expectClose(_ actual: SharedBuffer<Float>, _ expected: [Float]) throws {
    try #require(actual.count == expected.count)
    for (a, e) in zip(actual.buffer, expected) where a.isNaN || e.isNaN { #expect(a.isNaN && e.isNaN) }
    let pairs = zip(actual.buffer, expected).filter { !$1.isNaN }
    let closeness = Closeness(pairs.map(\.0), pairs.map(\.1))
    #expect(closeness.maximumDifference < 1e-5, "\(closeness)")
  }

  private func expectNormalized(_ encoder: Encoder, last: SharedBuffer<Float>, _ expected: [Float]) throws {
    let norm = try #require(encoder.finalNorm)
    let result = SharedBuffer<Float>(count: last.count)
    norm.apply(last.pointer, rowCount: encoder.configuration.tokenCount, into: result.pointer)
    let closeness = Closeness(result.array, expected)
    #expect(closeness.relativeError < 1e-5, "after the final norm: \(closeness)")
  }

  @Test(arguments: FamilyCase.all)
  func everyKeyHasAFate(_ family: FamilyCase) throws {
    let report = try CheckpointLoader.load(family.request).report
    for key in report.keys {
      switch key.fate {
      case .used: #expect(key.name != nil && key.reason == nil, "\(key)")
      case .dropped: #expect(key.name == nil && key.reason?.isEmpty == false, "\(key)")
      case .leftOver: Issue.record("\(key)")
      }
    }
    #expect(report.keys.contains { $0.fate == .used })
    #expect(report.settings.allSatisfy { !$0.origin.isEmpty })
  }
}

/// Models that are no pre-norm Vision Transformer.
struct RefusedCase: Decodable, Sendable, CustomTestStringConvertible {
  let name: String
  let file: String
  var testDescription: String { name }

  static let all = FamilyCase.read("refused.json", [RefusedCase].self)
  /// What the user is told.
  static let reasons = [
    "refused_swin": "is a Swin Transformer: its attention is windowed",
    "refused_convnext": "is a ConvNeXt, which has no attention",
    "refused_post_norm": "has norms behind its branches",
    "refused_post_norm_eva": "has norms behind its branches",
    "refused_parallel_blocks": "has blocks whose branches are parallel",
    "refused_text_model": "holds a model of text and no encoder of images",
  ]
}

@Suite struct RefusedFamilyTests {
  @Test(arguments: RefusedCase.all)
  func othersAreRefusedByWhatDoesNotFit(_ refused: RefusedCase) throws {
    let reason = try #require(RefusedCase.reasons[refused.name])
    let error = try #require(throws: InputError.self) {
      try CheckpointLoader.load(
        CheckpointRequest(path: Fixtures.path("families/\(refused.file)"), headCount: 2))
    }
    #expect(error.reason.contains(reason), "\(error)")
  }
}
