import COpenBLAS

/// Matrix products by OpenBLAS, row-major, one library thread a call: parallelism is ours, over images or rows.
public enum BLAS {
  static let singleThreaded: Void = openblas_set_num_threads(1)

  /// `c = alpha * op(a) * op(b) + beta * c`, with op(a) `[m, k]`, op(b) `[k, n]` and c `[m, n]`.
  ///
  /// - Parameters:
  ///   - transposeA: a is stored as `[k, m]`.
  ///   - transposeB: b is stored as `[n, k]`, as a linear layer's weight is.
  ///   - leadingA: elements from one stored row of a to the next; likewise `leadingB` and `leadingC`.
  public static func multiply(
    transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int,
    alpha: Float = 1, a: UnsafePointer<Float>, leadingA: Int, b: UnsafePointer<Float>, leadingB: Int,
    beta: Float = 0, c: UnsafeMutablePointer<Float>, leadingC: Int
  ) {
    _ = singleThreaded
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
      blasint(m), blasint(n), blasint(k), alpha, a, blasint(leadingA), b, blasint(leadingB),
      beta, c, blasint(leadingC))
  }

  /// The library's version, processor kernel and build, for run records.
  public static var description: String {
    String(cString: openblas_get_config()) + " " + String(cString: openblas_get_corename())
  }
}
