import COpenBLAS

/// One eigenvector of a symmetric matrix, by LAPACK's `dsyevr`: the same bits for the same matrix.
public enum SymmetricEigenvector {
  /// - Parameters:
  ///   - matrix: [order, order], destroyed.
  ///   - rankFromLargest: which eigenvalue, 0 for the largest.
  ///   - vector: receives [order], of length 1 and of either sign.
  /// - Returns: whether there is one; LAPACK finds none for numbers that are not finite.
  public static func write(
    of matrix: UnsafeMutablePointer<Double>, order: Int, rankFromLargest: Int,
    to vector: UnsafeMutablePointer<Double>
  ) -> Bool {
    precondition(
      (0..<order).contains(rankFromLargest), "\(rankFromLargest) is no rank in a matrix of order \(order)")
    _ = BLAS.singleThreaded
    // With blocks of 64 columns the library's reduction is at its fastest.
    let (workCount, integerCount) = (70 * order, 10 * order)
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: workCount + order) { work in
      withUnsafeTemporaryAllocation(of: blasint.self, capacity: integerCount + 2) { integers in
        let (values, support) = (work.baseAddress! + workCount, integers.baseAddress! + integerCount)
        return pb_dsyevr(
          blasint(order), matrix, blasint(order - rankFromLargest), values, vector, support,
          work.baseAddress!, blasint(workCount), integers.baseAddress!, blasint(integerCount)) == 0
      }
    }
  }
}
