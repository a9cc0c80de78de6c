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

  /// The upper triangle of `c = a^T a + beta * c`, at half the cost of the whole product.
  ///
  /// - Parameters:
  ///   - a: [k, n], contiguous.
  ///   - c: [n, n], contiguous. What lies below its diagonal is left alone.
  public static func multiplyByTransposed(
    n: Int, k: Int, a: UnsafePointer<Float>, beta: Float = 0, c: UnsafeMutablePointer<Float>
  ) {
    _ = singleThreaded
    cblas_ssyrk(
      CblasRowMajor, CblasUpper, CblasTrans, blasint(n), blasint(k), 1, a, blasint(n), beta, c, blasint(n))
  }

  /// The rows and columns of the tiles that a product on several threads is cut into. Smaller ones cost more than a
  /// tenth for packing operands again and again; with these a classifier's products, of some 512 images, 768 features and
  /// 100 or 1000 classes, cut into an even number of equal parts.
  private static let tileRows = 256
  private static let tileColumns = 384

  /// The same on several threads: tiles of fixed size, so that results do not depend on the number of threads.
  ///
  /// - Parameters:
  ///   - startA: where a begins in its buffer; likewise `startB` and `startC`.
  ///   - bias: [n], to which every row of the product is added; nil for what `c` holds times `beta`.
  public static func multiply(
    _ parallel: Parallel, transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int,
    a: SharedBuffer<Float>, startA: Int = 0, leadingA: Int, b: SharedBuffer<Float>, startB: Int = 0,
    leadingB: Int, bias: SharedBuffer<Float>? = nil, beta: Float = 0, c: SharedBuffer<Float>,
    startC: Int = 0, leadingC: Int
  ) throws {
    let tilesAcross = (n + tileColumns - 1) / tileColumns
    try parallel.forEach((m + tileRows - 1) / tileRows * tilesAcross) { tile, _ in
      let row = tile / tilesAcross * tileRows
      let column = tile % tilesAcross * tileColumns
      let (rows, columns) = (min(tileRows, m - row), min(tileColumns, n - column))
      let out = c.pointer + startC + row * leadingC + column
      if let bias {
        for index in 0..<rows { (out + index * leadingC).update(from: bias.pointer + column, count: columns) }
      }
      multiply(
        transposeA: transposeA, transposeB: transposeB, m: rows, n: columns, k: k,
        a: a.pointer + startA + (transposeA ? row : row * leadingA), leadingA: leadingA,
        b: b.pointer + startB + (transposeB ? column * leadingB : column), leadingB: leadingB,
        beta: bias == nil ? beta : 1, c: out, leadingC: leadingC)
    }
  }

  /// The same in double precision.
  public static func multiply(
    transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int,
    alpha: Double = 1, a: UnsafePointer<Double>, leadingA: Int, b: UnsafePointer<Double>, leadingB: Int,
    beta: Double = 0, c: UnsafeMutablePointer<Double>, leadingC: Int
  ) {
    _ = singleThreaded
    cblas_dgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
      blasint(m), blasint(n), blasint(k), alpha, a, blasint(leadingA), b, blasint(leadingB),
      beta, c, blasint(leadingC))
  }

  /// The sum of the products of two vectors' elements.
  public static func dot(_ a: SharedBuffer<Double>, _ b: SharedBuffer<Double>) -> Double {
    precondition(a.count == b.count, "a product of \(a.count) and \(b.count) elements")
    _ = singleThreaded
    return cblas_ddot(blasint(a.count), a.pointer, 1, b.pointer, 1)
  }

  /// `y += alpha * x`
  public static func add(_ alpha: Double, _ x: SharedBuffer<Double>, to y: SharedBuffer<Double>) {
    precondition(x.count == y.count, "a sum of \(x.count) and \(y.count) elements")
    _ = singleThreaded
    cblas_daxpy(blasint(x.count), alpha, x.pointer, 1, y.pointer, 1)
  }

  /// The library's version, processor kernel and build, for run records.
  public static var description: String {
    String(cString: openblas_get_config()) + " " + String(cString: openblas_get_corename())
  }
}
