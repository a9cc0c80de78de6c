import Baselines
import Compute
import TestSupport
import Testing

@Suite struct NearestNeighboursTests {
  private let parallel = Parallel(threadCount: 2)

  /// The neighbours by sorting all similarities.
  private func sorted(_ queries: LabelledFeatures, _ training: LabelledFeatures, count: Int) -> [[Int]] {
    func unit(_ features: LabelledFeatures, _ index: Int) -> [Double] {
      let values = (0..<features.width).map { Double(features.features(index)[$0]) }
      let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return values.map { norm > 0 ? $0 / norm : 0 }
    }
    let rows = (0..<training.count).map { unit(training, $0) }
    return (0..<queries.count).map { query in
      let own = unit(queries, query)
      let similarities = rows.map { row in zip(own, row).reduce(0) { $0 + $1.0 * $1.1 } }
      return rows.indices.sorted { (-similarities[$0], $0) < (-similarities[$1], $1) }.prefix(count).map {
        $0
      }
    }
  }

  @Test(arguments: [(1, 1, 1), (3, 5, 5), (70, 5000, 20), (65, 2049, 1)])
  func searchFindsWhatSortingFinds(queryCount: Int, trainingCount: Int, count: Int) throws {
    let training = try LabelledFeatures.random(count: trainingCount, width: 13, classCount: 3, seed: 1)
    let queries = try LabelledFeatures.random(count: queryCount, width: 13, classCount: 3, seed: 2)
    let found = try NeighbourSearch(training, count: count).nearest(queries, 0..<queryCount, parallel)
    let rows = (0..<queryCount).map { query in (0..<count).map { found.pointer[query * count + $0].row } }
    #expect(rows == sorted(queries, training, count: count))
  }

  @Test(arguments: [1, 200, 5000, 1_281_167])
  func candidatesOfAPassTakeLimitedMemory(count: Int) throws {
    let training = try LabelledFeatures.random(count: 5, width: 2, classCount: 1, seed: 1)
    let queries = NeighbourSearch(training, count: count).queriesPerPass
    #expect(queries >= 1 && queries <= 4096 && 24 * count * queries <= 256 << 20)
  }

  @Test func ofEquallySimilarImagesTheFirstOnesAreTaken() throws {
    // All similarities are 1 or -1, exactly.
    let training = try LabelledFeatures(
      sample: (0..<3000).map { $0 % 2 == 0 ? -2 : 4 }, width: 1, labels: [Int32](repeating: 0, count: 3000),
      classCount: 1)
    let query = try LabelledFeatures(sample: [3], width: 1, labels: [0], classCount: 1)
    let found = try NeighbourSearch(training, count: 6).nearest(query, 0..<1, parallel)
    #expect(found.array.map(\.row) == [1, 3, 5, 7, 9, 11])
    #expect(found.array.allSatisfy { $0.similarity == 1 })
  }

  @Test(arguments: [-1, -0.5, -0.0, 0, 0.25, 1] as [Float])
  func aNeighbourKeepsItsSimilarityAndRow(similarity: Float) {
    for row in [0, 1, 77, Int(Int32.max)] {
      let neighbour = Neighbour(similarity: similarity, row: row)
      #expect(neighbour.similarity == similarity && neighbour.row == row)
      #expect(Neighbour(similarity: similarity, row: row + 1) < neighbour)
      #expect(neighbour < Neighbour(similarity: similarity + 0.125, row: row))
    }
  }

  @Test func moreNeighboursThanImagesAreAllImages() throws {
    let features = try LabelledFeatures.random(count: 9, width: 4, classCount: 3, seed: 5)
    let results = try NearestNeighbours(features, neighbours: [5, 20, 200], temperatures: [0.07])
      .measure(on: features, parallel)
    #expect(results.map(\.neighbours) == [5, 9])
  }

  @Test func anImageIsItsOwnNearestNeighbour() throws {
    let features = try LabelledFeatures.random(count: 40, width: 8, classCount: 4, seed: 5)
    let results = try NearestNeighbours(features, neighbours: [1], temperatures: [0.07])
      .measure(on: features, parallel)
    // One neighbour names one class, so that four further ones are no answer.
    #expect(results.map(\.top1) == [1] && results.map(\.top5) == [1])
  }

  @Test func votesAreSharedByWeightAndTiesGoToTheLowerClass() throws {
    let training = try LabelledFeatures(
      sample: [1, 0, 1, 0, 0, 1], width: 2, labels: [2, 1, 0], classCount: 4)
    let queries = try LabelledFeatures(sample: [1, 0, 1, 0], width: 2, labels: [2, 3], classCount: 4)
    var seen: [(best: Int, rank: Int, confidence: Float)] = []
    _ = try NearestNeighbours(training, neighbours: [2], temperatures: [0.5]).measure(on: queries, parallel) {
      seen += $1.map { ($0.best, $0.labelRank, $0.confidence) }
    }
    #expect(seen.map(\.best) == [1, 1])
    // Class 3 has no vote, and comes after class 0, which has none either.
    #expect(seen.map(\.rank) == [1, 3])
    #expect(seen.map(\.confidence) == [0.5, 0.5])
  }

  @Test func aTemperatureNearZeroIsTheNearestNeighbourAlone() throws {
    let features = try LabelledFeatures.random(count: 30, width: 4, classCount: 3, seed: 6)
    let results = try NearestNeighbours(features, neighbours: [30], temperatures: [1e-300])
      .measure(on: features, parallel)
    #expect(results[0].top1 == 1)
  }

  @Test func featuresOfZerosAreSimilarToNothing() throws {
    let zeros = try LabelledFeatures(sample: [0, 0, 0, 0], width: 2, labels: [0, 1], classCount: 2)
    let results = try NearestNeighbours(zeros, neighbours: [2], temperatures: [0.07]).measure(
      on: zeros, parallel)
    #expect(results[0].top1 == 0.5)
  }

  @Test func aSearchTellsHowFarItIsAndCanBeStopped() throws {
    struct Stop: Error {}
    let training = try LabelledFeatures.random(count: 2500, width: 3, classCount: 5, seed: 1)
    let queries = try LabelledFeatures.random(count: 4200, width: 3, classCount: 5, seed: 2)
    let search = NearestNeighbours(training, neighbours: [5], temperatures: [0.1])
    var done: [Int] = []
    _ = try search.measure(on: queries, Parallel(threadCount: 2), onProgress: { done.append($0) })
    // Two passes of 4096 queries at most, over two blocks of 2048 images at most.
    #expect(done == [4096 * 2048 / 2500, 4096, 4096 + 104 * 2048 / 2500, 4200])
    #expect(throws: Stop.self) {
      try search.measure(on: queries, Parallel(threadCount: 2), onProgress: { _ in throw Stop() })
    }
  }

  @Test func threadsDecideNothing() throws {
    let training = try LabelledFeatures.random(count: 2500, width: 17, classCount: 5, seed: 1, distance: 0.2)
    let queries = try LabelledFeatures.random(count: 4200, width: 17, classCount: 5, seed: 2, distance: 0.2)
    let search = NearestNeighbours(training, neighbours: [1, 10, 50], temperatures: [0.05, 0.2])
    let one = try search.measure(on: queries, Parallel(threadCount: 1))
    #expect(try search.measure(on: queries, Parallel(threadCount: 3)) == one)
    #expect(one.allSatisfy { $0.top1 > 0.2 && $0.top1 < 1 })
  }
}
