import Compute

/// The eigenvectors of the greatest eigenvalues of a symmetric matrix without negative ones, of which nothing is known but its
/// products with vectors: Rayleigh and Ritz's choice in block Krylov spaces, whose basis is kept orthogonal in full (Saad,
/// "Numerical Methods for Large Eigenvalue Problems", 2nd edition: sections 6.1 and 6.7).
///
/// Small matrices are exhausted by the first few blocks, and what is found is then as right as LAPACK's.
struct LeadingEigenvectors {
  /// A matrix's products with vectors: [n, order] -> [n, order].
  typealias Matrix = (SharedBuffer<Double>) throws -> SharedBuffer<Double>

  /// Vectors of a block beyond those that are wanted: eigenvalues that lie close together converge in one block.
  private static let spareVectors = 8
  /// A greater basis is given up for its best block.
  private static let basisLimit = 320
  private static let startLimit = 12
  /// A vector has converged where the matrix turns it by no more than so much of its eigenvalue,
  private static let tolerance = 1e-9
  /// or of the greatest eigenvalue. Eigenvalues below so much of the greatest are rounding, and count as 0.
  private static let roundingShare = 1e-13

  /// Descending, positive: those that are wanted, or fewer where there are no more.
  private(set) var values: [Double] = []
  /// [values, order], each of length 1 and of either sign.
  private(set) var vectors = SharedBuffer<Double>(count: 0)

  /// - Parameter count: those that are wanted. Of eigenvalues that even 12 bases cannot tell apart it gives vectors between
  ///   theirs.
  init(order: Int, count: Int, _ matrix: Matrix) throws {
    let blockLength = min(order, count + Self.spareVectors)
    var generator = SeededGenerator(seed: 0)
    var block = SharedBuffer<Double>((0..<blockLength * order).map { _ in generator.normal() })
    for _ in 0..<Self.startLimit {
      let (ritz, isSettled) = try Self.explore(from: block, order: order, count: count, matrix)
      block = ritz.vectors
      values = Array(ritz.values.prefix(count).prefix { $0 > Self.roundingShare * ritz.values[0] })
      vectors = SharedBuffer(block.array.prefix(values.count * order))
      if isSettled { return }
    }
  }

  /// Adds blocks to a basis, each what the matrix makes of the one before.
  ///
  /// - Returns: the best of the space, and whether nothing better is to be found.
  private static func explore(
    from start: SharedBuffer<Double>, order: Int, count: Int, _ matrix: Matrix
  ) throws -> (Ritz, isSettled: Bool) {
    let blockLength = start.count / order
    let capacity = min(order, max(basisLimit, 4 * blockLength))
    var space = Space(order: order, capacity: capacity)
    var block = start
    while true {
      let added = space.extend(block)
      if added.count > 0 {
        block = try matrix(added)
        space.add(images: block)
      }
      let ritz = space.ritz(count: blockLength)
      // Where nothing was added the matrix does not lead out of the space.
      if added.count == 0 || space.count == order || ritz.hasConverged(count: count, order: order) {
        return (ritz, true)
      }
      if space.count == capacity { return (ritz, false) }
    }
  }

  /// The best eigenvalues and vectors in a space.
  private struct Ritz {
    /// Descending.
    var values: [Double]
    /// [values, order], of length 1.
    var vectors: SharedBuffer<Double>
    /// The matrix times each of them.
    var images: SharedBuffer<Double>

    func hasConverged(count: Int, order: Int) -> Bool {
      (0..<min(count, values.count)).allSatisfy { index in
        var square = 0.0
        for element in index * order..<(index + 1) * order {
          let residual = images.pointer[element] - values[index] * vectors.pointer[element]
          square += residual * residual
        }
        let limit = max(tolerance * values[index], roundingShare * values[0])
        return square <= limit * limit
      }
    }
  }

  /// An orthonormal basis, what the matrix makes of it, and how it looks in the basis.
  private struct Space {
    let order: Int
    private let capacity: Int
    private(set) var count = 0
    /// [count, order]
    private let basis: SharedBuffer<Double>
    /// [count, order]: the matrix times the basis.
    private let images: SharedBuffer<Double>
    /// [capacity, capacity], of which [count, count] is in use: basis times images.
    private let projected: SharedBuffer<Double>

    init(order: Int, capacity: Int) {
      (self.order, self.capacity) = (order, capacity)
      basis = SharedBuffer(count: capacity * order)
      images = SharedBuffer(count: capacity * order)
      projected = SharedBuffer(count: capacity * capacity)
    }

    /// Adds what of some vectors is not in the space yet.
    ///
    /// - Returns: the new part of the basis, [0 or more, order].
    mutating func extend(_ block: SharedBuffer<Double>) -> SharedBuffer<Double> {
      let first = count
      for row in 0..<block.count / order where count < capacity {
        let vector = basis.pointer + count * order
        vector.update(from: block.pointer + row * order, count: order)
        let length = Self.length(vector, order)
        guard length > 0 else { continue }
        // Twice is enough (Kahan and Parlett), and what is left of a vector then is new or rounding.
        removeBasis(from: vector)
        removeBasis(from: vector)
        let rest = Self.length(vector, order)
        guard rest > 1e-12 * length else { continue }
        for index in 0..<order { vector[index] /= rest }
        count += 1
      }
      return SharedBuffer(
        UnsafeMutableBufferPointer(start: basis.pointer + first * order, count: (count - first) * order))
    }

    private func removeBasis(from vector: UnsafeMutablePointer<Double>) {
      guard count > 0 else { return }
      withUnsafeTemporaryAllocation(of: Double.self, capacity: count) { shares in
        BLAS.multiply(
          transposeB: true, m: 1, n: count, k: order, a: vector, leadingA: order, b: basis.pointer,
          leadingB: order, c: shares.baseAddress!, leadingC: count)
        BLAS.multiply(
          m: 1, n: order, k: count, alpha: -1, a: shares.baseAddress!, leadingA: count, b: basis.pointer,
          leadingB: order, beta: 1, c: vector, leadingC: order)
      }
    }

    private static func length(_ vector: UnsafePointer<Double>, _ order: Int) -> Double {
      var square = 0.0
      for index in 0..<order { square += vector[index] * vector[index] }
      return square.squareRoot()
    }

    /// Takes what the matrix makes of the vectors that were added last.
    func add(images block: SharedBuffer<Double>) {
      let added = block.count / order
      let first = count - added
      (images.pointer + first * order).update(from: block.pointer, count: block.count)
      BLAS.multiply(
        transposeB: true, m: added, n: count, k: order, a: block.pointer, leadingA: order, b: basis.pointer,
        leadingB: order, c: projected.pointer + first * capacity, leadingC: capacity)
    }

    /// - Parameter limit: how many at most.
    func ritz(count limit: Int) -> Ritz {
      let matrix = SharedBuffer<Double>(count: count * count)
      for row in 0..<count {
        for column in 0...row {
          let value = projected.pointer[row * capacity + column]
          matrix.pointer[row * count + column] = value
          matrix.pointer[column * count + row] = value
        }
      }
      guard let system = SymmetricEigensystem(overwriting: matrix, width: count) else {
        preconditionFailure("LAPACK finds no eigenvalues of \(count) finite rows")
      }
      let found = min(limit, count)
      let result = Ritz(
        values: system.values.suffix(found).reversed(), vectors: SharedBuffer(count: found * order),
        images: SharedBuffer(count: found * order))
      for index in 0..<found {
        let shares = system.vectors.pointer + (count - 1 - index) * count
        for (rows, out) in [(basis, result.vectors), (images, result.images)] {
          BLAS.multiply(
            m: 1, n: order, k: count, a: shares, leadingA: count, b: rows.pointer, leadingB: order,
            c: out.pointer + index * order, leadingC: order)
        }
      }
      return result
    }
  }
}
