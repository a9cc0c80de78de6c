import Compute
import Embedding

/// Points to embed.
struct SamplePoints {
  let features: SharedBuffer<Float>
  let count: Int
  let width: Int

  init(_ features: [Float], width: Int) {
    (self.features, self.width) = (SharedBuffer(features), width)
    count = features.count / width
  }

  /// About several centres, point i belonging to centre i mod `clusters`.
  init(count: Int, width: Int, clusters: Int, seed: UInt64, offset: Double = 0) {
    var generator = SeededGenerator(seed: seed)
    let centres = (0..<clusters * width).map { _ in offset + 2.5 * generator.normal() }
    self.init(
      (0..<count * width).map {
        Float(centres[$0 / width % clusters * width + $0 % width] + generator.normal())
      },
      width: width)
  }

  func components(_ number: Int, threads: Int = 2) throws -> PrincipalComponents {
    try PrincipalComponents(
      features, count: count, width: width, components: number, Parallel(threadCount: threads))
  }

  func neighbours(_ number: Int, threads: Int = 2) throws -> SharedBuffer<Neighbour> {
    let parallel = Parallel(threadCount: threads)
    return try NearestPoints.search(
      CenteredFeatures(features, count: count, width: width, parallel), count: number, parallel)
  }

  func probabilities(perplexity: Double) throws -> JointProbabilities {
    try JointProbabilities(
      perplexity: perplexity, neighbours(min(count - 1, Int(3 * perplexity + 1))), count: count,
      Parallel(threadCount: 2))
  }

  func embedded(_ method: TSNE = TSNE(), threads: Int = 2) throws -> [Double] {
    try method.embed(features, count: count, width: width, Parallel(threadCount: threads))
  }
}

/// The root of the mean squared difference over that of the expected values' squares.
func relativeError(_ values: [Double], _ expected: [Double]) -> Double {
  precondition(values.count == expected.count, "\(values.count) values are compared with \(expected.count)")
  let difference = zip(values, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  let square = expected.reduce(0) { $0 + $1 * $1 }
  return (difference / square).squareRoot()
}
