import Compute
import Embedding
import Foundation
import TestSupport
import Testing

/// Probabilities as scikit-learn's t-SNE has them (tools/reference/embedding.py).
@Suite struct JointProbabilitiesTests {
  private let fixture: FixtureTensors

  init() throws { fixture = try FixtureTensors("embedding/embedding.safetensors") }

  private func dense(_ probabilities: JointProbabilities) -> [Double] {
    let count = probabilities.count
    var result = [Double](repeating: 0, count: count * count)
    for row in 0..<count {
      for place in probabilities.starts[row]..<probabilities.starts[row + 1] {
        result[row * count + Int(probabilities.columns[place])] = probabilities.values[place]
      }
    }
    return result
  }

  /// Distances in single precision may round apart; 1e-6 of the greatest probability covers it.
  private func isClose(_ values: [Double], _ expected: [Double]) -> Bool {
    let greatest = expected.max()!
    return zip(values, expected).allSatisfy { abs($0 - $1) < 1e-6 * greatest }
  }

  @Test func probabilitiesOverAllPointsAreScikitLearns() throws {
    let points = SamplePoints(fixture.floats("few"), width: fixture.shape("few")[1])
    let probabilities = dense(try points.probabilities(perplexity: 20))
    #expect(isClose(probabilities, fixture.doubles("few.probabilities")))
  }

  @Test func probabilitiesOverNeighboursAreScikitLearns() throws {
    let width = fixture.shape("many")[1]
    let points = SamplePoints(Array(fixture.floats("many").prefix(80 * width)), width: width)
    let probabilities = dense(try points.probabilities(perplexity: 8))
    let expected = fixture.doubles("some.probabilities")
    #expect(zip(probabilities, expected).allSatisfy { ($0 > 0) == ($1 > 0) })
    #expect(isClose(probabilities, expected))
  }

  @Test func theySumToOneBothWaysAlike() throws {
    let count = 500
    let probabilities = dense(
      try SamplePoints(count: count, width: 6, clusters: 3, seed: 5).probabilities(perplexity: 12))
    #expect(abs(probabilities.reduce(0, +) - 1) < 1e-12)
    for row in 0..<count {
      #expect(probabilities[row * count + row] == 0)
      for column in 0..<row {
        #expect(probabilities[row * count + column] == probabilities[column * count + row])
      }
    }
  }

  /// Where no width of a Gaussian has the perplexity, nothing overflows.
  @Test func equalPointsShareEvenly() throws {
    let probabilities = try SamplePoints([Float](repeating: 2, count: 30), width: 1).probabilities(
      perplexity: 9)
    // Each looks at 28 others, the first ones, so that the last two do not look at one another.
    #expect(probabilities.values.count == 30 * 29 - 2)
    #expect(probabilities.values.array.allSatisfy { $0 > 0 && $0.isFinite })
    #expect(abs(probabilities.values.array.reduce(0, +) - 1) < 1e-12)
  }

  @Test func aPointFarFromAllHasNeighbours() throws {
    let points = SamplePoints((0..<40).map { $0 == 0 ? 1e6 : Float($0) }, width: 1)
    let probabilities = try points.probabilities(perplexity: 5)
    let own = probabilities.starts[0]..<probabilities.starts[1]
    // It looks at others, whether they look at it or not.
    #expect(abs(own.reduce(0) { $0 + probabilities.values[$1] } - 1.0 / 80) < 1e-12)
  }
}
