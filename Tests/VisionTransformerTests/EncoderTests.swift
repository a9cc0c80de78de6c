import Compute
import Files
import Foundation
import LinearLayers
import Tensors
import TestSupport
import Testing
import VisionTransformer

/// A model that tools/reference/encoder.py made, and what PyTorch makes of an image.
struct ReferenceModel: Sendable, CustomTestStringConvertible {
  static let names = [
    "plain", "rectangular", "no_class_token", "odd_sizes", "registers", "registers_alone", "relative",
    "relative_shared", "rotary", "rotary_centered", "rotary_normalized", "root_mean_square",
  ]

  let testDescription: String
  let configuration: EncoderConfiguration
  let weights: [String: Tensor]
  let expected: [String: Tensor]

  init(_ name: String) throws {
    testDescription = name
    let file = try Safetensors.read(Fixtures.path("encoder/\(name).safetensors"))
    configuration = try JSONDecoder().decode(
      EncoderConfiguration.self, from: Data(file.metadata["configuration"]!.utf8))
    weights = Dictionary(
      uniqueKeysWithValues: file.tensors.filter { $0.key.hasPrefix("weights.") }
        .map { (String($0.key.dropFirst("weights.".count)), $0.value) })
    expected = file.tensors.filter { !$0.key.hasPrefix("weights.") }
  }

  /// The values of an expected array.
  func values(_ name: String) throws -> [Float] { try #require(expected[name]).floats() }

  func encoder(_ arithmetic: Arithmetic = .float32) throws -> Encoder {
    try Encoder(configuration: configuration, weights: weights, arithmetic: arithmetic)
  }

  /// The image that the expected arrays belong to.
  func pixels() throws -> SharedBuffer<Float> { SharedBuffer(try values("pixels")) }
}

struct EncoderTests {
  /// What may differ from PyTorch in single precision: of tokens relatively, of statistics and attention absolutely.
  struct Tolerance {
    let tokens: Double
    let statistics: Double

    /// Rounding operands to the 8 bits of a bfloat16 is an error of 0.2 % each, of which most averages out; entropies are
    /// as large as 4.
    init(_ operands: ElementType) {
      (tokens, statistics) = operands == .float32 ? (1e-5, 1e-5) : (1e-2, 3e-2)
    }
  }

  private func expectAgreement(
    _ model: ReferenceModel, _ encoder: Encoder, _ level: CPULevel, within tolerance: Tolerance
  ) throws {
    let configuration = model.configuration
    let workspace = encoder.makeWorkspace()
    let pixels = try model.pixels()
    let output = level.run {
      encoder.encode(pixels: pixels.pointer, blocks: Array(0..<configuration.depth), workspace: workspace)
    }
    let tokens = Closeness(output.tokens.flatMap(\.array), try model.values("tokens"))
    #expect(tokens.relativeError < tolerance.tokens, "tokens: \(tokens)")
    try expectClose(output.attentionStatistics, model.values("attention_statistics"), tolerance)
    try expectClose(output.magnitudes, model.values("magnitudes"), tolerance)
    try expectClose(output.centerAttention, model.values("center_attention"), tolerance)
    #expect((output.classAttention != nil) == configuration.parts.hasClassToken)
    if let classAttention = output.classAttention {
      try expectClose(classAttention, model.values("class_attention"), tolerance)
    }
  }

  @Test(arguments: ReferenceModel.names, LinearEngine.allCases)
  func agreesWithPyTorchInEveryArithmetic(name: String, engine: LinearEngine) throws {
    let model = try ReferenceModel(name)
    for operands in [ElementType.float32, .bfloat16] {
      let encoder = try model.encoder(Arithmetic(operands: operands, engine: engine))
      for level in CPULevel.available {
        try expectAgreement(model, encoder, level, within: Tolerance(operands))
      }
    }
  }

  /// bfloat16 by the processor's own instructions and by widened operands differ in the order of sums only, and in the
  /// roundings of intermediate results that this turns over.
  @Test(arguments: ReferenceModel.names)
  func enginesAgreeInBfloat16(name: String) throws {
    let model = try ReferenceModel(name)
    let last = [model.configuration.depth - 1]
    let pixels = try model.pixels()
    let outputs = try LinearEngine.allCases.map { engine in
      let encoder = try model.encoder(Arithmetic(operands: .bfloat16, engine: engine))
      return encoder.encode(pixels: pixels.pointer, blocks: last, workspace: encoder.makeWorkspace())
    }
    let closeness = Closeness(outputs[0].tokens[0].array, outputs[1].tokens[0].array)
    #expect(closeness.relativeError < 2e-3, "\(closeness)")
  }

  /// A temperature is what the queries are divided by; a power of two leaves every digit as it is.
  @Test func aTemperatureDividesTheScores() throws {
    let model = try ReferenceModel("plain")
    let width = model.configuration.width
    var weights = model.weights
    for block in 0..<model.configuration.depth {
      for (name, count) in [("weight", width * width), ("bias", width)] {
        let key = "blocks.\(block).attn.qkv.\(name)"
        let tensor = try #require(weights[key])
        var values = tensor.floats()
        for index in 0..<count { values[index] /= 2 }
        weights[key] = Tensor(values, shape: tensor.shape)
      }
    }
    var json = try #require(
      JSONSerialization.jsonObject(with: JSONEncoder().encode(model.configuration)) as? [String: Any])
    json["attentionTemperature"] = 2
    let warm = try JSONDecoder().decode(
      EncoderConfiguration.self, from: JSONSerialization.data(withJSONObject: json))
    let encoders = [
      try Encoder(configuration: warm, weights: model.weights),
      try Encoder(configuration: model.configuration, weights: weights),
    ]
    let pixels = try model.pixels()
    let outputs = encoders.map {
      $0.encode(pixels: pixels.pointer, blocks: [0], workspace: $0.makeWorkspace())
    }
    #expect(bits(outputs[0]) == bits(outputs[1]))
    #expect(
      outputs[0].tokens[0].array != Array(try model.values("tokens").prefix(outputs[0].tokens[0].count)))
  }

  @Test(arguments: ReferenceModel.names)
  func theFinalNormIsHandedOver(name: String) throws {
    let model = try ReferenceModel(name)
    let configuration = model.configuration
    let encoder = try model.encoder()
    let pixels = try model.pixels()
    let output = encoder.encode(
      pixels: pixels.pointer, blocks: [configuration.depth - 1], workspace: encoder.makeWorkspace())
    #expect((encoder.finalNorm != nil) == configuration.parts.hasFinalNorm)
    if let norm = encoder.finalNorm, let last = output.tokens.last {
      let normalized = SharedBuffer<Float>(count: last.count)
      norm.apply(last.pointer, rowCount: configuration.tokenCount, into: normalized.pointer)
      let closeness = Closeness(normalized.array, try model.values("normalized"))
      #expect(closeness.relativeError < 1e-5, "final norm: \(closeness)")
    }
  }

  /// Within the tolerance, and absent (NaN) where the reference is.
  private func expectClose(
    _ actual: SharedBuffer<Float>, _ expected: [Float], _ tolerance: Tolerance,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(actual.array.map(\.isNaN) == expected.map(\.isNaN), sourceLocation: sourceLocation)
    let closeness = Closeness(
      actual.array.map { $0.isNaN ? 0 : $0 }, expected.map { $0.isNaN ? 0 : $0 })
    #expect(
      closeness.maximumDifference < tolerance.statistics, "\(closeness)", sourceLocation: sourceLocation)
  }

  @Test func withoutClassTokenItsStatisticsAreAbsent() throws {
    let model = try ReferenceModel("no_class_token")
    let encoder = try model.encoder()
    let pixels = try model.pixels()
    let output = encoder.encode(pixels: pixels.pointer, blocks: [], workspace: encoder.makeWorkspace())
    #expect(output.classAttention == nil)
    for (index, value) in output.attentionStatistics.array.enumerated() {
      #expect(value.isNaN == AttentionStatistic.perHead[index % 8].needsClassToken)
    }
    for (index, value) in output.magnitudes.array.enumerated() {
      #expect(value.isNaN == AttentionStatistic.perBlock[index % 2].needsClassToken)
    }
  }

  @Test(arguments: [[], [0], [2], [0, 2], [2, 0], [1, 1]])
  func keepsTheRequestedBlocksInTheirOrder(blocks: [Int]) throws {
    let model = try ReferenceModel("plain")
    let encoder = try model.encoder()
    let workspace = encoder.makeWorkspace()
    let pixels = try model.pixels()
    // A workspace that kept other blocks before.
    encoder.encode(pixels: pixels.pointer, blocks: [0, 1, 2], workspace: workspace)
    let output = encoder.encode(pixels: pixels.pointer, blocks: blocks, workspace: workspace)
    let all = try model.values("tokens")
    let size = model.configuration.tokenCount * model.configuration.width
    #expect(output.tokens.count == blocks.count)
    for (tokens, block) in zip(output.tokens, blocks) {
      let expected = all[block * size..<(block + 1) * size]
      #expect(Closeness(tokens.array, expected).relativeError < 1e-5)
    }
  }

  /// Every value of an output, bit by bit.
  private func bits(_ output: EncoderOutput) -> [UInt32] {
    let buffers = output.tokens + [output.attentionStatistics, output.magnitudes, output.centerAttention]
    return (buffers + [output.classAttention].compactMap { $0 }).flatMap { $0.array.map(\.bitPattern) }
  }

  @Test(arguments: ReferenceModel.names)
  func anImageGivesTheSameBytesWhereverItIsEncoded(name: String) throws {
    let model = try ReferenceModel(name)
    let encoder = try model.encoder()
    let configuration = model.configuration
    let last = [configuration.depth - 1]
    let pixels = try model.pixels()
    let expected = bits(
      encoder.encode(pixels: pixels.pointer, blocks: last, workspace: encoder.makeWorkspace()))

    var generator = SeededGenerator(seed: 1)
    let others = SharedBuffer((0..<configuration.pixelValueCount).map { _ in Float(generator.normal()) })
    for threadCount in 1...3 {
      let parallel = Parallel(threadCount: threadCount)
      let workspaces = PerWorker(parallel) { encoder.makeWorkspace() }
      let differing = SharedBuffer<Bool>(count: 12)
      // Every third image is the one; the others differ, so that traces of them would show.
      try parallel.forEach(12) { index, worker in
        let image = index.isMultiple(of: 3) ? pixels : others
        let output = encoder.encode(
          pixels: image.pointer, blocks: last, workspace: try workspaces.value(worker))
        differing.pointer[index] = bits(output) != expected
      }
      #expect(differing.array == (0..<12).map { !$0.isMultiple(of: 3) })
    }
  }
}
