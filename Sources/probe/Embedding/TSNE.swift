import Compute

/// t-SNE: points of many dimensions in two, such that near ones stay near (van der Maaten and Hinton 2008; van der Maaten,
/// "Accelerating t-SNE using Tree-Based Algorithms", 2014), with scikit-learn's defaults.
///
/// Neighbours are exact, sums in double precision, and no random number is drawn: points start from their principal components.
/// What comes out depends on the features alone, not on the number of threads. Memory: some 50 bytes a neighbour of each point,
/// and blocks of the features in double precision.
public struct TSNE: Sendable {
  /// Steps with exaggerated attraction, in which clusters form.
  private static let exaggeratedIterations = 250
  private static let exaggeration = 12.0
  private static let exaggeratedMomentum = 0.5
  private static let momentum = 0.8
  /// The standard deviation of the first coordinate at the start.
  private static let startDeviation = 1e-4
  private static let theta = 0.5
  /// Up to so many points forces are exact, which takes a third of a second for all iterations.
  private static let exactCount = 1000

  /// About how many neighbours a point attends to.
  public let perplexity: Double
  public let iterations: Int

  public init(perplexity: Double = 30, iterations: Int = 1000) {
    precondition(perplexity >= 1, "a perplexity is at least 1, not \(perplexity)")
    precondition(iterations >= 0, "there are no \(iterations) iterations")
    (self.perplexity, self.iterations) = (perplexity, iterations)
  }

  /// That of N points: of few ones it is (N - 1) / 3 at most, as three times as many neighbours are looked at.
  public func perplexity(pointCount count: Int) -> Double { max(1, min(perplexity, Double(count - 1) / 3)) }

  /// - Parameters:
  ///   - features: [N, W]
  ///   - count: N
  ///   - width: W
  ///   - shouldStop: asked before every iteration.
  ///   - onProgress: sees how many iterations are done, of how many.
  /// - Returns: [N, 2]. Points that all are equal stay at 0, those on a line stay on one.
  /// - Throws: where a feature is no finite number; `CancellationError` where `shouldStop` said so.
  public func embed(
    _ features: SharedBuffer<Float>, count: Int, width: Int, _ parallel: Parallel,
    shouldStop: () -> Bool = { false }, onProgress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws -> [Double] {
    let centered = try CenteredFeatures(features, count: count, width: width, parallel)
    let start = try Self.start(centered, parallel)
    guard count > 1 else { return start.array }
    let perplexity = perplexity(pointCount: count)
    let neighbours = try NearestPoints.search(
      centered, count: min(count - 1, Int(3 * perplexity + 1)), parallel, shouldStop: shouldStop)
    var descent = Descent(
      try JointProbabilities(perplexity: perplexity, neighbours, count: count, parallel), from: start,
      theta: count <= Self.exactCount ? 0 : Self.theta,
      learningRate: max(Double(count) / Self.exaggeration / 4, 50))
    for iteration in 0..<iterations {
      if shouldStop() { throw CancellationError() }
      let isExaggerated = iteration < Self.exaggeratedIterations
      if iteration == Self.exaggeratedIterations { descent.rest() }
      try descent.step(
        exaggeration: isExaggerated ? Self.exaggeration : 1,
        momentum: isExaggerated ? Self.exaggeratedMomentum : Self.momentum, parallel)
      onProgress(iteration + 1, iterations)
    }
    return descent.points.array
  }

  /// The first two principal components, [N, 2], small.
  private static func start(
    _ features: CenteredFeatures, _ parallel: Parallel
  ) throws -> SharedBuffer<Double> {
    let scores = try PrincipalComponents(features, components: 2, parallel).scores
    let square = stride(from: 0, to: scores.count, by: 2).reduce(0) { $0 + scores[$1] * scores[$1] }
    let deviation = (square / Double(features.count)).squareRoot()
    return SharedBuffer(scores.map { deviation > 0 ? $0 / deviation * startDeviation : 0 })
  }
}
