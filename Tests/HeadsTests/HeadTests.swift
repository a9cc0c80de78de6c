import Compute
import Files
import Tensors
import TestSupport
import Testing

import Heads

/// Random tokens of two sizes of grid.
final class RandomTokens: TokenSource {
  let layout: TokenLayout
  let tokenCount: Int
  let width: Int
  private let values: SharedBuffer<Float>

  init(rowCount: Int, layout: TokenLayout) {
    var generator = SeededGenerator(seed: 2)
    self.layout = layout
    tokenCount = layout.tokenCount
    width = layout.width
    values = SharedBuffer(
      (0..<rowCount * layout.tokenCount * layout.width).map { _ in Float(generator.normal()) })
  }

  func tokens(row: Int) -> StoredTokens {
    StoredTokens(.float32, values.pointer + row * tokenCount * width, tokenCount: tokenCount, width: width)
  }
}

@Suite struct HeadTests {
  private let layout = TokenLayout(
    prefixTokenCount: 1, hasClassToken: true, gridHeight: 2, gridWidth: 3, width: 16)

  private func head(_ description: HeadDescription, threads: Int = 2) throws -> Head {
    var generator = SeededGenerator(seed: 1)
    let pooling = try description.makePooling(layout, batchSize: 40, &generator)
    return Head(
      description, pooling: pooling, classCount: 4, batchSize: 40, Parallel(threadCount: threads), &generator)
  }

  @Test func theEmbeddingOfARectangularGridIsTheReferences() throws {
    let expected = try Safetensors.read(Fixtures.path("heads/heads.safetensors")).tensors[
      "rectangular_embedding"]!
    let state = try head(HeadDescription(features: .abmilp, abmilp: AbMILPDescription())).stateDictionary()
    let embedding = try #require(state["0.pos_embed"])
    #expect(embedding.shape == expected.shape)
    #expect(Closeness(embedding.floats(), expected.floats()).maximumDifference < 1e-6)
  }

  @Test func stateDictionariesHaveTheSeedsNames() throws {
    let linear = try head(HeadDescription(features: .both)).stateDictionary()
    #expect(
      Set(linear.keys) == [
        "0.running_mean", "0.running_var", "0.num_batches_tracked", "1.weight", "1.bias",
      ])
    #expect(linear["1.weight"]?.shape == [4, 32])
    let deep = try head(HeadDescription(features: .abmilp, abmilp: AbMILPDescription(depth: 2)))
    let names = Set(deep.stateDictionary().keys)
    #expect(
      names == [
        "0.pos_embed", "0.attention_predictor.0.weight", "0.attention_predictor.0.bias",
        "0.attention_predictor.2.weight", "0.attention_predictor.2.bias", "1.running_mean", "1.running_var",
        "1.num_batches_tracked", "2.weight", "2.bias",
      ])
    #expect(deep.stateDictionary()["1.num_batches_tracked"]?.elementType == .int64)
    #expect(deep.parameterCount == 16 * 16 + 16 + 16 + 1 + 4 * 16 + 4)
  }

  @Test func initialWeightsAreBoundedByTheInverseRootOfTheirInputs() throws {
    let weights = try head(HeadDescription(features: .both)).stateDictionary()["1.weight"]!.floats()
    let bound = 1 / Float(32).squareRoot()
    #expect(weights.allSatisfy { abs($0) <= bound })
    #expect(weights.contains { abs($0) > 0.9 * bound })
  }

  @Test(arguments: [1, 3], [1, 2])
  func gradientsDoNotDependOnThreads(threads: Int, depth: Int) throws {
    let description = HeadDescription(
      features: .abmilp,
      abmilp: AbMILPDescription(depth: depth, activation: .tanh, condition: .positionEmbedding))
    let source = RandomTokens(rowCount: 40, layout: layout)
    let labels = (0..<37).map { Int32($0 % 4) }
    let gradients = try [2, threads].map { threads in
      let head = try head(description, threads: threads)
      let losses = try head.accumulateGradients(Batch(source, rows: Array(0..<37)), labels: labels)
      return [losses] + head.parameters.map(\.gradient.array)
    }
    #expect(gradients[0] == gradients[1])
  }

  /// The gradient by central differences. In single precision a loss near 1.4 is known to about 1e-7, so a difference
  /// over 2 x 0.01 to 1e-5; the curvature adds as much.
  @Test(arguments: [1, 2, 3])
  func gradientsAreTheLossesSlopes(depth: Int) throws {
    let description = HeadDescription(
      features: .abmilp,
      abmilp: AbMILPDescription(depth: depth, activation: .tanh, content: .all, condition: .positionEmbedding)
    )
    let head = try head(description)
    let batch = Batch(RandomTokens(rowCount: 40, layout: layout), rows: Array(0..<40))
    let labels = (0..<40).map { Int32($0 % 4) }
    func loss() throws -> Double {
      let losses = try head.accumulateGradients(batch, labels: labels)
      return losses.reduce(0.0) { $0 + Double($1) } / 40
    }
    head.clearGradients()
    _ = try loss()
    let gradients = head.parameters.map(\.gradient.array)
    for (parameter, gradient) in zip(head.parameters, gradients) {
      // The element with the steepest slope of each array.
      let index = gradient.indices.max { abs(gradient[$0]) < abs(gradient[$1]) }!
      let value = parameter.values[index]
      parameter.values[index] = value + 0.01
      let above = try loss()
      parameter.values[index] = value - 0.01
      let below = try loss()
      parameter.values[index] = value
      let slope = (above - below) / 0.02
      #expect(abs(slope - Double(gradient[index])) < 1e-4 + 0.01 * abs(slope), "\(parameter.name)[\(index)]")
    }
  }

  @Test func attentionIsADistribution() throws {
    var generator = SeededGenerator(seed: 1)
    let pooling = AbMILPPooling(AbMILPDescription(depth: 2), layout: layout, batchSize: 5, &generator)
    let batch = Batch(RandomTokens(rowCount: 5, layout: layout), rows: Array(0..<5))
    let features = SharedBuffer<Float>(count: 5 * 16)
    try pooling.forward(batch, into: features, Parallel(threadCount: 2))
    let attention = pooling.lastAttention(batchCount: 5)
    for image in 0..<5 {
      let row = attention[image * 7..<(image + 1) * 7]
      #expect(row.allSatisfy { $0 > 0 })
      #expect(abs(row.reduce(0, +) - 1) < 1e-5)
    }
  }

  @Test func whatDoesNotFitIsRefused() throws {
    var generator = SeededGenerator(seed: 1)
    let odd = TokenLayout(prefixTokenCount: 1, hasClassToken: true, gridHeight: 2, gridWidth: 2, width: 18)
    let abmilp = HeadDescription(features: .abmilp, abmilp: AbMILPDescription())
    #expect(throws: InputError.self) { try abmilp.makePooling(odd, batchSize: 2, &generator) }
    let bare = TokenLayout(prefixTokenCount: 0, hasClassToken: false, gridHeight: 2, gridWidth: 2, width: 16)
    for features in [HeadDescription.Features.cls, .both] {
      #expect(throws: InputError.self) {
        try HeadDescription(features: features).makePooling(bare, batchSize: 2, &generator)
      }
    }
    let state = try head(HeadDescription(features: .cls)).stateDictionary()
    let error = #expect(throws: InputError.self) {
      try head(HeadDescription(features: .both)).load(state, file: "head.safetensors")
    }
    #expect(
      error?.description.contains("1.weight") == true || error?.description.contains("0.running") == true)
  }
}
