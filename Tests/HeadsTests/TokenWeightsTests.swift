import Compute
import Foundation
import TestSupport
import Testing

import Heads

/// Weights that are shown are those that features are made with: applied to the tokens they give what the head pools.
@Suite struct TokenWeightsTests {
  private static let layout = TokenLayout(
    prefixTokenCount: 1, hasClassToken: true, gridHeight: 2, gridWidth: 3, width: 16)
  private static let imageCount = 5
  private let source = RandomTokens(rowCount: imageCount, layout: layout)
  private let parallel = Parallel(threadCount: 2)

  private func tokens(_ row: Int) -> [[Float]] {
    let width = Self.layout.width
    let values = SharedBuffer<Float>(count: Self.layout.tokenCount * width)
    source.tokens(row: row).decode(into: values.pointer)
    return (0..<Self.layout.tokenCount).map { Array(values.array[$0 * width..<($0 + 1) * width]) }
  }

  private func normalized(_ token: [Float], _ epsilon: Float) -> [Float] {
    let mean = token.reduce(0, +) / Float(token.count)
    let variance = token.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(token.count)
    return token.map { ($0 - mean) / (variance + epsilon).squareRoot() }
  }

  private func sum(_ vectors: [[Float]], _ weights: [Float]) -> [Float] {
    var sum = [Float](repeating: 0, count: vectors[0].count)
    for (vector, weight) in zip(vectors, weights) {
      for channel in sum.indices { sum[channel] += weight * vector[channel] }
    }
    return sum
  }

  /// Runs a pooling by itself over all images, in evaluation mode.
  ///
  /// - Returns: [B, W]
  private func features(_ pooling: any Pooling) throws -> [[Float]] {
    let (count, width) = (Self.imageCount, pooling.outputWidth)
    let attention = (pooling as? any QueryPooling)
      .map { QueryAttention([$0], layout: Self.layout, .float32) }
    let image = ImageTokens(layout: Self.layout)
    let features = SharedBuffer<Float>(count: count * width)
    if pooling.surveys(training: false) {
      for index in 0..<count {
        image.show(source.tokens(row: index))
        pooling.survey(image, index: index, group: 0)
      }
    }
    try pooling.beginForward(count: count, training: false, parallel)
    attention?.beginForward()
    for index in 0..<count {
      image.show(source.tokens(row: index))
      attention?.forward(image, index: index)
      try pooling.forward(image, index: index, into: features.pointer + index * width)
    }
    try pooling.finishForward(count: count, into: features, parallel)
    return (0..<count).map { Array(features.array[$0 * width..<($0 + 1) * width]) }
  }

  private func pooling(_ description: HeadDescription) throws -> any Pooling {
    var generator = SeededGenerator(seed: 3)
    return try description.makePooling(Self.layout, batchSize: Self.imageCount, &generator)
  }

  @Test(arguments: HeadTests.attentive.filter { ![.cbam, .dolg, .abmilp].contains($0.features) })
  func queriesPoolWithTheWeightsThatAreShown(description: HeadDescription) throws {
    let pooling = try #require(try pooling(description) as? any QueryPooling)
    _ = try features(pooling)
    let (queries, width) = (pooling.queries, Self.layout.width)
    for row in 0..<Self.imageCount {
      let weights = try #require(pooling.weights(index: row))
      #expect(weights.rows.count == queries.form.count && weights.kind == .attention)
      var seen = tokens(row)
      if let epsilon = queries.form.layerNormEpsilon { seen = seen.map { normalized($0, epsilon) } }
      if queries.form.extraToken != .none {
        let start = queries.form.extraToken == .perImage ? row * width : 0
        seen.append(Array(queries.extraTokens.array[start..<start + width]))
      }
      for query in 0..<queries.form.count {
        let all = weights.rows[query] + (weights.ownToken.map { [$0[query]] } ?? [])
        let start = (row * queries.form.count + query) * width
        let pooled = queries.sums.array[start..<start + width]
        #expect(Closeness(sum(seen, all), pooled).maximumDifference < 1e-5)
        #expect(abs(all.reduce(0, +) - 1) < 1e-5)
        if queries.form.content == .patch { #expect(weights.rows[query][0] == 0) }
      }
    }
  }

  @Test(arguments: HeadTests.attentive.filter { $0.features == .abmilp })
  func abmilpsFeaturesAreTheTokensWithTheWeightsThatAreShown(description: HeadDescription) throws {
    let pooling = try pooling(description)
    let features = try features(pooling)
    let parameters = Dictionary(uniqueKeysWithValues: pooling.parameters.map { ($0.name, $0.values.array) })
    let width = Self.layout.width
    func apply(_ name: String, row first: Int, _ vector: [Float]) -> [Float] {
      (0..<width).map { row in
        let weights = parameters[name]![(first + row) * width..<(first + row + 1) * width]
        return zip(weights, vector).reduce(0) { $0 + $1.0 * $1.1 }
      }
    }
    for row in 0..<Self.imageCount {
      let weights = try #require(pooling.weights(index: row))
      #expect(weights.rows.count == 1 && abs(weights.rows[0].reduce(0, +) - 1) < 1e-5)
      var pooled = sum(tokens(row), weights.rows[0])
      if description.abmilp!.selfAttention == .both {
        // Values and projection are linear and come after the sum.
        let values = apply("self_attn.qkv.weight", row: 2 * width, pooled)
        let projected = apply("self_attn.proj.weight", row: 0, values)
        pooled = zip(projected, parameters["self_attn.proj.bias"]!).map(+)
      }
      #expect(Closeness(pooled, features[row]).maximumDifference < 1e-5)
    }
  }

  /// Attention rows of float16, as caches have them.
  private func attention(rows: Int, seed: UInt64) -> [SharedBuffer<UInt8>] {
    var generator = SeededGenerator(seed: seed)
    return (0..<Self.imageCount).map { _ in
      let halves = (0..<rows * Self.layout.patchCount).map { _ in Float16(generator.uniform() / 8) }
      return halves.withUnsafeBytes { SharedBuffer($0) }
    }
  }

  @Test func fixedFeaturesAreThePatchesWithTheWeightsThatAreShown() throws {
    let samples = (0..<Self.imageCount).map { row in
      StoredSample(
        tokens(row).flatMap(\.self), as: .float32, tokenCount: Self.layout.tokenCount,
        width: Self.layout.width)
    }
    let source = StoredSource(
      Self.layout, samples, classRows: attention(rows: 3, seed: 1), centerRows: attention(rows: 4, seed: 2))
    let rows = Array(0..<Self.imageCount)
    var shown: Set<HeadDescription.Features> = []
    for features in FixedFeature.all {
      let weights = try FixedFeatures.weights(of: features, source, rows: rows, attentionFrom: source)
      #expect(weights.contains { $0 != nil } == features.weighTokens)
      guard features.weighTokens else { continue }
      shown.insert(features)
      let matrix = try #require(
        try FixedFeatures.compute(
          [features], source, rows: rows, attentionFrom: source, parallel,
          folder: FileManager.default.temporaryDirectory.path))[0]
      for row in rows {
        let own = try #require(weights[row])
        #expect(own.kind == .weights && own.rows.count == 1 && own.rows[0][0] == 0)
        let values = SharedBuffer<Float>(count: matrix.width)
        matrix.tokens(row: row).decode(into: values.pointer)
        let closeness = Closeness(sum(tokens(row), own.rows[0]), values.array)
        #expect(closeness.maximumDifference < 1e-5, "\(features): \(closeness)")
      }
    }
    let plain: Set<HeadDescription.Features> = [.cls, .pos, .both, .raw]
    #expect(shown == Set(FixedFeature.all).subtracting(plain))
  }

  @Test func theMeanIsOverRows() {
    let weights = TokenWeights(.attention, rows: [[0, 0.5, 0.5], [0.5, 0.25, 0.25]])
    #expect(weights.mean == [0.25, 0.375, 0.375])
  }

  @Test func rowsHaveNames() {
    #expect(HeadTests.attentive.filter { $0.features == .ep }.allSatisfy { $0.weightUnit == "query" })
    #expect(HeadTests.attentive.filter { $0.features == .jepa }.allSatisfy { $0.weightUnit == "head" })
  }
}
