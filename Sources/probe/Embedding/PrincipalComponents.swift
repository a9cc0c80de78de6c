import Compute

/// Principal component analysis: the directions in which centred features vary most, as scikit-learn's `PCA` has them.
///
/// In double precision; the features are read some dozens of times, and nothing is as large as they are. Components are found by
/// ``LeadingEigenvectors`` of X^T X or X X^T, whichever is smaller. Their signs are such that the largest loading of each is
/// positive, the first one of several. Where features vary in fewer directions, the others have the scores 0.
public struct PrincipalComponents: Sendable {
  /// [N, k]: the points' coordinates along the components.
  public let scores: [Double]
  /// [k], descending: each component's share of the features' total variance.
  public let explainedShares: [Double]

  /// - Parameters:
  ///   - features: [N, W]
  ///   - count: N
  ///   - width: W
  ///   - components: k
  /// - Throws: where a feature is no finite number.
  public init(
    _ features: SharedBuffer<Float>, count: Int, width: Int, components: Int, _ parallel: Parallel
  ) throws {
    try self.init(
      CenteredFeatures(features, count: count, width: width, parallel), components: components, parallel)
  }

  init(_ features: CenteredFeatures, components: Int, _ parallel: Parallel) throws {
    precondition(components > 0, "\(components) components are none")
    let (count, width) = (features.count, features.width)
    let isNarrow = width <= count
    let eigenvectors = try LeadingEigenvectors(order: min(count, width), count: components) { vectors in
      isNarrow
        ? try features.combinations(by: features.projections(of: vectors, parallel), parallel)
        : try features.projections(of: features.combinations(by: vectors, parallel), parallel)
    }
    let found = eigenvectors.values.count
    let loadings =
      isNarrow ? eigenvectors.vectors : try features.combinations(by: eigenvectors.vectors, parallel)
    for component in 0..<found { Self.orient(loadings.pointer + component * width, width) }
    let projections = try features.projections(of: loadings, parallel)
    let total = try features.squaredNorms(parallel).array.reduce(0, +)
    var scores = [Double](repeating: 0, count: count * components)
    var shares = [Double](repeating: 0, count: components)
    for component in 0..<found {
      var square = 0.0
      for point in 0..<count {
        let score = projections.pointer[component * count + point]
        scores[point * components + component] = score
        square += score * score
      }
      shares[component] = square / total
    }
    self.scores = scores
    explainedShares = shares
  }

  /// Gives loadings the length 1 and their sign.
  private static func orient(_ loadings: UnsafeMutablePointer<Double>, _ width: Int) {
    var square = 0.0
    var largest = loadings[0]
    for index in 0..<width {
      square += loadings[index] * loadings[index]
      if abs(loadings[index]) > abs(largest) { largest = loadings[index] }
    }
    let length = largest < 0 ? -square.squareRoot() : square.squareRoot()
    for index in 0..<width { loadings[index] /= length }
  }
}
