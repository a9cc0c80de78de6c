import COpenBLAS

/// The eigenvalues and eigenvectors of a symmetric matrix, by LAPACK's `dsyevd` on one thread.
public struct SymmetricEigensystem: Sendable {
  /// [n], in ascending order.
  public let values: [Double]
  /// [n, n]: row i is the eigenvector of value i, of length 1.
  public let vectors: SharedBuffer<Double>

  /// The widest matrix: LAPACK counts its working memory, twice the size of the matrix, in 32 bits.
  public static let maximumWidth = 32_000

  /// - Parameter matrix: [n, n], symmetric, finite; overwritten with the eigenvectors and kept.
  /// - Returns: nil where the iteration does not converge.
  public init?(overwriting matrix: SharedBuffer<Double>, width: Int) {
    precondition(
      matrix.count == width * width && (1...Self.maximumWidth).contains(width),
      "\(matrix.count) elements are no matrix of width \(width) for LAPACK")
    _ = BLAS.singleThreaded
    var n = blasint(width)
    var workCount = blasint(1 + 6 * width + 2 * width * width)
    var integerWorkCount = blasint(3 + 5 * width)
    var status: blasint = 0
    let values = SharedBuffer<Double>(count: width)
    let work = SharedBuffer<Double>(count: Int(workCount))
    let integerWork = SharedBuffer<blasint>(count: Int(integerWorkCount))
    // Column by column, as Fortran has it, its vectors are our rows; a symmetric matrix is the same either way.
    dsyevd_(
      "V", "L", &n, matrix.pointer, &n, values.pointer, work.pointer, &workCount, integerWork.pointer,
      &integerWorkCount, &status, 1, 1)
    precondition(status >= 0, "dsyevd refuses its argument \(-status)")
    guard status == 0 else { return nil }
    self.values = values.array
    vectors = matrix
  }
}
