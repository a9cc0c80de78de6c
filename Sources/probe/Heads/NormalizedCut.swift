import Compute
import Files

/// Which patches are the foreground: TokenCut (Wang et al. 2022, arXiv 2202.11539), the second smallest eigenvector of a
/// normalised cut (Shi and Malik 2000) of the patches' graph.
///
/// Edges E are 1 between patches whose tokens have a cosine of at least tau = 0.2 and epsilon = 1e-5 otherwise; D is the
/// diagonal of their sums; (D - E) y = lambda D y. The cut is at the mean of y, and the foreground is the side of the patch
/// whose |y| is the largest. TokenCut takes the keys of the last block's attention; these are the tokens themselves.
///
/// The seed lists `tcut-bip`, `tcut-eig`, `tcut-eigbip`, `tcut-eigsft` and forms with `-f`, without saying what they are. This
/// is the partition. Weights by y itself are left out: its sign and size carry no meaning by themselves, and neither
/// paper nor seed says how it would become weights.
enum NormalizedCut {
  static let tau: Float = 0.2
  static let epsilon = 1e-5
  /// P; the eigenvector takes memory as its square and time as its cube.
  static let largestPatchCount = 4096

  /// - Parameters:
  ///   - patches: [P, D]
  ///   - body: receives [P], at least one of them true.
  static func foreground(
    of patches: StoredTokens, _ body: (UnsafeMutableBufferPointer<Bool>) throws -> Void
  ) throws {
    let count = patches.tokenCount
    guard count <= largestPatchCount else {
      throw InputError(
        "--cls-features tcut", "is for grids of up to \(largestPatchCount) patches, not \(count)",
        remedy: "use other features, or smaller images")
    }
    try withUnsafeTemporaryAllocation(of: Bool.self, capacity: count) { isForeground in
      isForeground.initialize(repeating: true)
      try withUnsafeTemporaryAllocation(of: Double.self, capacity: count * (count + 2)) { memory in
        let edges = memory.baseAddress!
        let degrees = edges + count * count
        let vector = degrees + count
        // Where all pairs are alike, or none, every cut is as good as any other: there is no background.
        let pairs = count * (count - 1)
        let alikePairs = writeEdges(patches, to: edges)
        guard alikePairs > 0 && alikePairs < pairs else { return }
        normalize(edges, degrees: degrees, count: count)
        guard SymmetricEigenvector.write(of: edges, order: count, rankFromLargest: 1, to: vector) else {
          throw InputError("--cls-features tcut", "the patches' graph has no second eigenvector")
        }
        // Back from D^(1/2) y.
        for patch in 0..<count { vector[patch] *= degrees[patch] }
        partition(UnsafeBufferPointer(start: vector, count: count), into: isForeground)
      }
      try body(isForeground)
    }
  }

  /// - Parameter edges: receives E, [P, P].
  /// - Returns: how many edges between two different patches are 1, each counted both ways.
  private static func writeEdges(_ patches: StoredTokens, to edges: UnsafeMutablePointer<Double>) -> Int {
    let (count, width) = (patches.tokenCount, patches.width)
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: count * (width + count)) { memory in
      let tokens = memory.baseAddress!
      let cosines = tokens + count * width
      patches.decode(into: tokens)
      for patch in 0..<count { scaleToUnitLength(tokens + patch * width, width) }
      BLAS.multiply(
        transposeB: true, m: count, n: count, k: width, a: tokens, leadingA: width, b: tokens,
        leadingB: width, c: cosines, leadingC: count)
      var alikePairs = 0
      for row in 0..<count {
        for column in 0..<count {
          // The upper half decides both, as a product need not be symmetric to the last bit.
          let isAlike = cosines[min(row, column) * count + max(row, column)] >= tau
          edges[row * count + column] = isAlike ? 1 : epsilon
          if isAlike && row != column { alikePairs += 1 }
        }
      }
      return alikePairs
    }
  }

  private static func scaleToUnitLength(_ token: UnsafeMutablePointer<Float>, _ width: Int) {
    var squares = 0.0
    for channel in 0..<width { squares += Double(token[channel]) * Double(token[channel]) }
    let factor = Float(1 / max(1e-12, squares.squareRoot()))
    for channel in 0..<width { token[channel] *= factor }
  }

  /// E becomes D^(-1/2) E D^(-1/2), whose largest eigenvalues are 1 minus the smallest lambda.
  ///
  /// - Parameter degrees: receives D^(-1/2), [P].
  private static func normalize(
    _ edges: UnsafeMutablePointer<Double>, degrees: UnsafeMutablePointer<Double>, count: Int
  ) {
    for row in 0..<count {
      var degree = 0.0
      for column in 0..<count { degree += edges[row * count + column] }
      degrees[row] = 1 / degree.squareRoot()
    }
    for row in 0..<count {
      for column in 0..<count { edges[row * count + column] *= degrees[row] * degrees[column] }
    }
  }

  /// The side of the largest |y|; of sizes that are equal but for rounding the first patch's.
  private static func partition(
    _ y: UnsafeBufferPointer<Double>, into isForeground: UnsafeMutableBufferPointer<Bool>
  ) {
    let largest = y.reduce(0.0) { max($0, abs($1)) }
    let seed = y.first { abs($0) >= largest * (1 - 1e-6) }!
    // An eigenvector's sign is arbitrary: the foreground's is taken to be positive.
    let sign: Double = seed < 0 ? -1 : 1
    let mean = sign * y.reduce(0, +) / Double(y.count)
    for patch in y.indices { isForeground[patch] = sign * y[patch] > mean }
  }
}
