import Compute
import Embedding
import Files
import Foundation
import TestSupport
import Testing

/// t-SNE beside scikit-learn's (tools/reference/embedding.py), and what it does where there is little to embed.
@Suite struct TSNETests {
  private let fixture: FixtureTensors
  private let parallel = Parallel(threadCount: 2)

  init() throws { fixture = try FixtureTensors("embedding/embedding.safetensors") }

  private func points(_ name: String) -> SamplePoints {
    SamplePoints(fixture.floats(name), width: fixture.shape(name)[1])
  }

  /// Small steps of both kinds, as many as the reference makes, from the principal components.
  private func descend(_ points: SamplePoints, perplexity: Double, theta: Double) throws -> [Double] {
    let start = try points.components(2).scores
    let square = stride(from: 0, to: start.count, by: 2).reduce(0) { $0 + start[$1] * start[$1] }
    let scale = 1e-4 / (square / Double(points.count)).squareRoot()
    var descent = Descent(
      try points.probabilities(perplexity: perplexity), from: SharedBuffer(start.map { $0 * scale }),
      theta: theta, learningRate: 5)
    for _ in 0..<40 { try descent.step(exaggeration: 12, momentum: 0.5, parallel) }
    descent.rest()
    for _ in 0..<20 { try descent.step(exaggeration: 1, momentum: 0.8, parallel) }
    return descent.points.array
  }

  @Test func exactStepsAreScikitLearns() throws {
    let points = try descend(points("few"), perplexity: 20, theta: 0)
    let error = relativeError(points, fixture.doubles("few.points"))
    #expect(error < 1e-4)
  }

  @Test func theFirstStepsAreScikitLearns() throws {
    let points = try points("few").embedded(TSNE(perplexity: 20, iterations: 10))
    let error = relativeError(points, fixture.doubles("few.started"))
    #expect(error < 1e-3)
  }

  @Test func approximateStepsAreNearScikitLearns() throws {
    let points = try descend(points("many"), perplexity: 30, theta: 0.5)
    let error = relativeError(points, fixture.doubles("many.points"))
    #expect(error < 2e-2 && error > 0)
  }

  /// The whole Kullback-Leibler divergence of an embedding.
  private func divergence(_ probabilities: JointProbabilities, _ points: [Double]) -> Double {
    func affinity(_ a: Int, _ b: Int) -> Double {
      let (dx, dy) = (points[2 * a] - points[2 * b], points[2 * a + 1] - points[2 * b + 1])
      return 1 / (1 + dx * dx + dy * dy)
    }
    var total = 0.0
    for a in 0..<probabilities.count {
      for b in 0..<probabilities.count where b != a { total += affinity(a, b) }
    }
    var result = 0.0
    for row in 0..<probabilities.count {
      for place in probabilities.starts[row]..<probabilities.starts[row + 1] {
        let value = probabilities.values[place]
        result += value * log(value * total / affinity(row, Int(probabilities.columns[place])))
      }
    }
    return result
  }

  @Test func anEmbeddingDivergesNoMoreThanScikitLearns() throws {
    let points = points("many")
    let divergence = divergence(try points.probabilities(perplexity: 30), try points.embedded())
    let expected = fixture.doubles("many.divergence")[0]
    #expect(divergence < 1.02 * expected)
  }

  /// More points than have exact forces: still each one is nearest to one of its own cluster.
  @Test func clustersStayTogether() throws {
    let points = SamplePoints(count: 1500, width: 10, clusters: 5, seed: 7)
    let embedded = try points.embedded(TSNE(iterations: 500))
    let apart = SamplePoints(embedded.map { Float($0) }, width: 2)
    let nearest = try apart.neighbours(1)
    let own = (0..<1500).count { nearest[$0].row % 5 == $0 % 5 }
    #expect(own > 1470, "\(own) of 1500 are nearest to one of their own cluster")
  }

  @Test func threadsDecideNothing() throws {
    let points = SamplePoints(count: 1300, width: 9, clusters: 4, seed: 8)
    let method = TSNE(iterations: 60)
    let one = try points.embedded(method, threads: 1)
    #expect(try points.embedded(method, threads: 3) == one)
  }

  @Test(arguments: [1, 2, 3, 4, 7]) func fewPointsHavePlaces(count: Int) throws {
    let embedded = try SamplePoints(count: count, width: 5, clusters: 1, seed: 9).embedded()
    #expect(embedded.count == 2 * count && embedded.allSatisfy { $0.isFinite })
    if count == 1 { #expect(embedded == [0, 0]) }
  }

  @Test func equalPointsStayAtZero() throws {
    let embedded = try SamplePoints([Float](repeating: 0.7, count: 60), width: 3).embedded()
    #expect(embedded == [Double](repeating: 0, count: 40))
  }

  /// Points that are there many times, more often than there are neighbours, stay together and away from the others.
  @Test func duplicatesStayTogether() throws {
    let copies = 150
    let points = SamplePoints((0..<3 * copies).flatMap { [Float($0 % 3), Float($0 % 3 * 2)] }, width: 2)
    let embedded = try points.embedded()
    #expect(embedded.allSatisfy { $0.isFinite })
    let nearest = try SamplePoints(embedded.map { Float($0) }, width: 2).neighbours(1)
    #expect((0..<3 * copies).allSatisfy { nearest[$0].row % 3 == $0 % 3 })
  }

  @Test func pointsOnALineStayOnOne() throws {
    let embedded = try SamplePoints((0..<50).map { Float($0) }, width: 1).embedded()
    #expect(stride(from: 1, to: 100, by: 2).allSatisfy { embedded[$0] == 0 })
  }

  @Test func progressIsTold() throws {
    let points = SamplePoints(count: 20, width: 2, clusters: 1, seed: 1)
    var seen: [[Int]] = []
    _ = try TSNE(iterations: 3).embed(
      points.features, count: 20, width: 2, parallel, onProgress: { seen.append([$0, $1]) })
    #expect(seen == [[1, 3], [2, 3], [3, 3]])
  }

  @Test func aStopIsHeard() throws {
    let points = SamplePoints(count: 20, width: 2, clusters: 1, seed: 1)
    var last = 0
    #expect(throws: CancellationError.self) {
      try TSNE().embed(
        points.features, count: 20, width: 2, parallel, shouldStop: { last == 7 },
        onProgress: { done, _ in last = done })
    }
    #expect(last == 7)
  }

  @Test func featuresHaveToBeFinite() throws {
    #expect(throws: InputError("the points", "point 2 has features that are not finite")) {
      try SamplePoints([1, 2, 3, 4, .nan, 5], width: 2).embedded()
    }
  }
}
