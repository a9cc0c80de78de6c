import Compute
import Embedding
import Files
import TestSupport
import Testing

/// Components as scikit-learn's `PCA` has them (tools/reference/embedding.py), and what it does not try.
@Suite struct PrincipalComponentsTests {
  @Test(arguments: ["tall", "wide", "flat"]) func componentsAreScikitLearns(name: String) throws {
    let fixture = try FixtureTensors("embedding/embedding.safetensors")
    let points = SamplePoints(fixture.floats(name), width: fixture.shape(name)[1])
    let components = try points.components(3)
    let scores = fixture.doubles("\(name).scores")
    let largest = scores.reduce(0) { max($0, abs($1)) }
    #expect(zip(components.scores, scores).allSatisfy { abs($0 - $1) < 1e-8 * largest })
    let shares = fixture.doubles("\(name).shares")
    #expect(zip(components.explainedShares, shares).allSatisfy { abs($0 - $1) < 1e-12 })
  }

  /// Noise, whose eigenvalues lie close together, in more directions than one basis has: what is found has to vary as much as
  /// LAPACK says that something can.
  @Test(arguments: [(900, 400), (400, 900)]) func manyAlikeDirectionsAreToldApart(
    count: Int, width: Int
  ) throws {
    var generator = SeededGenerator(seed: 1)
    let points = SamplePoints((0..<count * width).map { _ in Float(generator.normal()) }, width: width)
    let components = try points.components(4)
    let values = points.features.array.map { Double($0) }
    let means = (0..<width).map { column in
      stride(from: column, to: values.count, by: width).reduce(0) { $0 + values[$1] } / Double(count)
    }
    let centered = SharedBuffer(values.indices.map { values[$0] - means[$0 % width] })
    let covariance = SharedBuffer<Double>(count: width * width)
    BLAS.multiply(
      transposeA: true, m: width, n: width, k: count, a: centered.pointer, leadingA: width,
      b: centered.pointer, leadingB: width, c: covariance.pointer, leadingC: width)
    let system = try #require(SymmetricEigensystem(overwriting: covariance, width: width))
    let total = system.values.reduce(0, +)
    for (share, value) in zip(components.explainedShares, system.values.reversed()) {
      // Errors of vectors, some 1e-8 at these gaps, come in squared.
      #expect(abs(share / (value / total) - 1) < 1e-12)
    }
    for a in 0..<4 {
      for b in 0..<a {
        let product = (0..<count).reduce(0) {
          $0 + components.scores[4 * $1 + a] * components.scores[4 * $1 + b]
        }
        #expect(abs(product) < 1e-6 * system.values[width - 1])
      }
    }
  }

  @Test func whatDoesNotVaryHasNoComponents() throws {
    let one = try SamplePoints([3, -1, 2], width: 3).components(2)
    #expect(one.scores == [0, 0] && one.explainedShares == [0, 0])
    let equal = try SamplePoints((0..<40).map { [0.1, 7, -3e8, 5][$0 % 4] }, width: 4).components(2)
    #expect(equal.scores == [Double](repeating: 0, count: 20) && equal.explainedShares == [0, 0])
  }

  @Test func twoPointsAreOnALine() throws {
    let components = try SamplePoints([1, 5, 3, 4, 5, 7], width: 3).components(2)
    // They lie 5 apart, the second one where the features grow.
    #expect(zip(components.scores, [-2.5, 0, 2.5, 0]).allSatisfy { abs($0 - $1) < 1e-12 })
    #expect(abs(components.explainedShares[0] - 1) < 1e-12 && components.explainedShares[1] == 0)
  }

  @Test func theLargestLoadingIsPositive() throws {
    let falling = try SamplePoints([0, 0, 1, -2, 2, -4], width: 2).components(1)
    #expect(falling.scores[0] > 0 && falling.scores[2] < 0)
    let single = try SamplePoints([4, 1, 1], width: 1).components(1)
    #expect(zip(single.scores, [2.0, -1, -1]).allSatisfy { abs($0 - $1) < 1e-12 })
  }

  @Test func threadsDecideNothing() throws {
    let points = SamplePoints(count: 1200, width: 200, clusters: 5, seed: 2)
    let one = try points.components(2, threads: 1)
    let three = try points.components(2, threads: 3)
    #expect(one.scores == three.scores && one.explainedShares == three.explainedShares)
  }

  @Test(arguments: [Float.nan, .infinity]) func featuresHaveToBeFinite(value: Float) throws {
    #expect(throws: InputError("the points", "point 1 has features that are not finite")) {
      try SamplePoints([1, 2, 3, value, 5, 6], width: 2).components(2)
    }
  }
}
