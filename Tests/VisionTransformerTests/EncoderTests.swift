import Compute
import Files
import Foundation
import Tensors
import TestSupport
import Testing
import VisionTransformer

/// A model that tools/reference/encoder.py made, and what PyTorch makes of an image.
struct ReferenceModel: Sendable, CustomTestStringConvertible {
  static let names = ["plain", "rectangular", "no_class_token", "odd_sizes"]

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

  func encoder() throws -> Encoder { try Encoder(configuration: configuration, weights: weights) }

  /// The image that the expected arrays belong to.
  func pixels() throws -> SharedBuffer<Float> { SharedBuffer(try values("pixels")) }
}

struct EncoderTests {
  @Test(arguments: ReferenceModel.names, CPULevel.available)
  func agreesWithPyTorch(name: String, level: CPULevel) throws {
    let model = try ReferenceModel(name)
    let configuration = model.configuration
    let encoder = try model.encoder()
    let workspace = encoder.makeWorkspace()
    let pixels = try model.pixels()
    let output = level.run {
      encoder.encode(pixels: pixels.pointer, blocks: Array(0..<configuration.depth), workspace: workspace)
    }

    let tokens = Closeness(output.tokens.flatMap(\.array), try model.values("tokens"))
    #expect(tokens.relativeError < 1e-5, "tokens: \(tokens)")
    try expectClose(output.attentionStatistics, model.values("attention_statistics"))
    try expectClose(output.magnitudes, model.values("magnitudes"))
    try expectClose(output.centerAttention, model.values("center_attention"))
    #expect((output.classAttention != nil) == configuration.hasClassToken)
    if let classAttention = output.classAttention {
      try expectClose(classAttention, model.values("class_attention"))
    }

    #expect((encoder.finalNorm != nil) == configuration.hasFinalNorm)
    if let norm = encoder.finalNorm, let last = output.tokens.last {
      let normalized = SharedBuffer<Float>(count: last.count)
      norm.apply(last.pointer, rowCount: configuration.tokenCount, into: normalized.pointer)
      let closeness = Closeness(normalized.array, try model.values("normalized"))
      #expect(closeness.relativeError < 1e-5, "final norm: \(closeness)")
    }
  }

  /// Within 1e-5, and absent (NaN) where the reference is.
  private func expectClose(
    _ actual: SharedBuffer<Float>, _ expected: [Float], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(actual.array.map(\.isNaN) == expected.map(\.isNaN), sourceLocation: sourceLocation)
    let closeness = Closeness(
      actual.array.map { $0.isNaN ? 0 : $0 }, expected.map { $0.isNaN ? 0 : $0 })
    #expect(closeness.maximumDifference < 1e-5, "\(closeness)", sourceLocation: sourceLocation)
  }

  @Test func withoutClassTokenItsStatisticsAreAbsent() throws {
    let model = try ReferenceModel("no_class_token")
    let encoder = try model.encoder()
    let output = encoder.encode(
      pixels: try model.pixels().pointer, blocks: [], workspace: encoder.makeWorkspace())
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
