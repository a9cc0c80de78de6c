import Compute
import Embedding
import Testing

@Suite struct NearestPointsTests {
  /// The neighbours by sorting all distances.
  private func sorted(_ points: SamplePoints, _ point: Int, count: Int) -> [(row: Int, distance: Double)] {
    func features(_ row: Int) -> [Double] {
      (0..<points.width).map { Double(points.features[row * points.width + $0]) }
    }
    let own = features(point)
    let distances = (0..<points.count).map { row in
      zip(own, features(row)).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    return distances.indices.filter { $0 != point }.sorted { (distances[$0], $0) < (distances[$1], $1) }
      .prefix(count).map { ($0, distances[$0]) }
  }

  /// Fewer points than a tile has, and more than a block has and than go together; far from 0, where squares of single
  /// precision would lose the distances.
  @Test(arguments: [(2, 1, 1), (60, 7, 59), (4200, 5, 12)])
  func searchFindsWhatSortingFinds(count: Int, width: Int, neighbours: Int) throws {
    let points = SamplePoints(count: count, width: width, clusters: 4, seed: 3, offset: 4000)
    let found = try points.neighbours(neighbours)
    for point in stride(from: 0, to: count, by: max(1, count / 100)) {
      let own = (0..<neighbours).map { found[point * neighbours + $0] }
      let expected = sorted(points, point, count: neighbours)
      #expect(own.map(\.row) == expected.map(\.row))
      // Distances are rounded once to single precision.
      #expect(
        zip(own, expected).allSatisfy { abs(-Double($0.similarity) - $1.distance) <= 1e-7 * $1.distance })
    }
  }

  @Test func ofEqualPointsTheFirstOthersAreTaken() throws {
    let points = SamplePoints([Float](repeating: 0.3, count: 3000), width: 1)
    let found = try points.neighbours(3)
    #expect((0..<3).map { found[$0].row } == [1, 2, 3])
    #expect((3 * 2999..<9000).map { found[$0].row } == [0, 1, 2])
    #expect(found.array.allSatisfy { $0.similarity == 0 })
  }

  @Test func distancesBeyondSinglePrecisionAreTheGreatest() throws {
    let found = try SamplePoints([-3e38, 0, 3e38], width: 1).neighbours(2)
    #expect(found.array.map(\.similarity) == [Float](repeating: -.greatestFiniteMagnitude, count: 6))
    #expect(found.array.map(\.row) == [1, 2, 0, 2, 0, 1])
  }

  @Test func aStopIsHeard() throws {
    let points = SamplePoints(count: 9, width: 2, clusters: 1, seed: 1)
    let parallel = Parallel(threadCount: 1)
    let features = try CenteredFeatures(points.features, count: 9, width: 2, parallel)
    #expect(throws: CancellationError.self) {
      try NearestPoints.search(features, count: 3, parallel, shouldStop: { true })
    }
  }
}
