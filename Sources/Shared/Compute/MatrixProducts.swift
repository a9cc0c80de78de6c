import CKernels

/// In what form matrix products take their operands. Sums are in single precision either way.
public enum MatrixProducts: String, Codable, CaseIterable, Sendable {
  /// As they are; by OpenBLAS.
  case float32 = "none"
  /// Rounded to bfloat16, at twice the rate where the processor multiplies it; elsewhere they are widened again: the same
  /// numbers but for the order of sums. By a kernel of ours, which takes them from single precision. Each sum runs over its
  /// values in order, so that it depends neither on how rows are cut nor on threads.
  case bfloat16

  /// Whether the processor does not multiply bfloat16 itself, or is not allowed to.
  public static var areWidened: Bool { pb_cpu_process_level() != PB_CPU_AVX512_BF16 }

  /// `c = alpha * op(a) * op(b) + beta * c` on this thread; see ``BLAS``.
  package func multiply(
    transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int,
    alpha: Float = 1, a: UnsafePointer<Float>, leadingA: Int, b: UnsafePointer<Float>, leadingB: Int,
    beta: Float = 0, c: UnsafeMutablePointer<Float>, leadingC: Int
  ) {
    switch self {
    case .float32:
      BLAS.multiply(
        transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, alpha: alpha, a: a,
        leadingA: leadingA, b: b, leadingB: leadingB, beta: beta, c: c, leadingC: leadingC)
    case .bfloat16:
      RoundedProduct(m: m, n: n, k: k, alpha: alpha, beta: beta, leadingC: leadingC)
        .run(
          left: ProductSide(a, leading: leadingA, sumsAlongRows: !transposeA),
          right: ProductSide(b, leading: leadingB, sumsAlongRows: transposeB), into: c)
    }
  }

  /// The same on several threads; no bit depends on their number.
  ///
  /// - Parameters:
  ///   - startA: where a begins in its buffer; likewise `startB` and `startC`.
  ///   - bias: [n], to which every row of the product is added; nil for what `c` holds times `beta`.
  package func multiply(
    _ parallel: Parallel, transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int,
    a: SharedBuffer<Float>, startA: Int = 0, leadingA: Int, b: SharedBuffer<Float>, startB: Int = 0,
    leadingB: Int, bias: SharedBuffer<Float>? = nil, beta: Float = 0, c: SharedBuffer<Float>,
    startC: Int = 0, leadingC: Int
  ) throws {
    switch self {
    case .float32:
      try BLAS.multiply(
        parallel, transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, a: a, startA: startA,
        leadingA: leadingA, b: b, startB: startB, leadingB: leadingB, bias: bias, beta: beta, c: c,
        startC: startC, leadingC: leadingC)
    case .bfloat16:
      if let bias {
        try parallel.forEachChunk(of: m, length: 64) { _, rows, _ in
          for row in rows {
            (c.pointer + startC + row * leadingC).update(from: bias.pointer, count: n)
          }
        }
      }
      try RoundedProduct(m: m, n: n, k: k, alpha: 1, beta: bias == nil ? beta : 1, leadingC: leadingC)
        .run(
          parallel,
          left: ProductSide(a.pointer + startA, leading: leadingA, sumsAlongRows: !transposeA),
          right: ProductSide(b.pointer + startB, leading: leadingB, sumsAlongRows: transposeB),
          into: c.pointer + startC)
    }
  }
}
