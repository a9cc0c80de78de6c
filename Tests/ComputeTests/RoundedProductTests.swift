import CKernels
import Compute
import TestSupport
import Testing

/// Products of operands that are rounded to bfloat16, against products of the rounded values in double precision.
@Suite struct RoundedProductTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    let m, n, k: Int
    var testDescription: String { "\(m) x \(n) x \(k)" }
  }

  /// Nothing, single values, and what is below, at and above blocks of 16 lanes, pairs, tiles and their groups.
  static let shapes = [
    Shape(m: 0, n: 4, k: 4), Shape(m: 4, n: 0, k: 4), Shape(m: 3, n: 5, k: 0), Shape(m: 1, n: 1, k: 1),
    Shape(m: 1, n: 17, k: 2), Shape(m: 7, n: 15, k: 31), Shape(m: 8, n: 16, k: 32), Shape(m: 9, n: 33, k: 33),
    Shape(m: 17, n: 48, k: 64), Shape(m: 31, n: 49, k: 5), Shape(m: 64, n: 97, k: 65),
    Shape(m: 257, n: 20, k: 3),
  ]

  private static func random(_ count: Int, seed: UInt64) -> SharedBuffer<Float> {
    var generator = SeededGenerator(seed: seed)
    return SharedBuffer((0..<count).map { _ in Float(generator.normal()) })
  }

  /// [columns, rows] of [rows, columns].
  private static func transposed(
    _ values: SharedBuffer<Float>, rows: Int, columns: Int
  ) -> SharedBuffer<Float> {
    SharedBuffer((0..<rows * columns).map { values[$0 % rows * columns + $0 / rows] })
  }

  private static func expected(
    _ left: SharedBuffer<Float>, _ right: SharedBuffer<Float>, _ shape: Shape, scale: Float, beta: Float,
    _ start: [Float]
  ) -> [Float] {
    let out = SharedBuffer(start)
    pb_product_reference(
      left.pointer, shape.m, right.pointer, shape.n, shape.k, scale, beta, out.pointer, shape.n)
    return out.array
  }

  /// Each of k products of numbers of size 1 and each sum of them, up to 8 sqrt(k), is rounded to 6e-8 of itself.
  private static func tolerance(_ k: Int) -> Double { 1e-6 * Double(k + 1) }

  @Test(arguments: CPULevel.available, shapes)
  func kernelsEqualTheirReference(level: CPULevel, shape: Shape) {
    let (m, n, k) = (shape.m, shape.n, shape.k)
    let (left, right) = (Self.random(m * k, seed: 1), Self.random(n * k, seed: 2))
    let start = Self.random(m * n, seed: 3).array
    let rightColumns = Self.transposed(right, rows: n, columns: k)
    for beta in [Float(0), 1, -0.5] {
      let out = SharedBuffer(start)
      level.run {
        let operands = SharedBuffer<UInt32>(count: pb_product_operand_size(m, k))
        let (rows, columns) = (
          SharedBuffer<UInt32>(count: pb_product_operand_size(n, k)),
          SharedBuffer<UInt32>(count: pb_product_operand_size(n, k))
        )
        pb_product_pack_rows(left.pointer, k, m, k, operands.pointer)
        pb_product_pack_rows(right.pointer, k, n, k, rows.pointer)
        pb_product_pack_columns(rightColumns.pointer, n, n, k, columns.pointer)
        #expect(rows.array == columns.array, "an operand does not depend on how its matrix is stored")
        pb_product(operands.pointer, m, columns.pointer, n, k, 0.25, beta, out.pointer, n)
      }
      let closeness = Closeness(
        out.array, Self.expected(left, right, shape, scale: 0.25, beta: beta, start))
      #expect(closeness.maximumDifference < Self.tolerance(k), "\(closeness)")
    }
  }

  /// Ties go to the even neighbour; what is no number stays none, and rounding may end in infinity.
  @Test(arguments: CPULevel.available)
  func operandsAreRoundedToTheNearest(level: CPULevel) {
    let values: [(Float, Float)] = [
      (1, 1), (1 + 0x1p-8, 1), (1 + 0x1.8p-7, 1 + 0x1p-6), (1 + 0x1.01p-8, 1 + 0x1p-7), (-1 - 0x1p-8, -1),
      (.greatestFiniteMagnitude, .infinity), (-.infinity, -.infinity), (.nan, .nan), (0, 0),
    ]
    let left = SharedBuffer(values.map(\.0))
    let one = SharedBuffer<Float>([1])
    let out = SharedBuffer<Float>(count: values.count)
    level.run {
      MatrixProducts.bfloat16.multiply(
        m: values.count, n: 1, k: 1, a: left.pointer, leadingA: 1, b: one.pointer, leadingB: 1,
        c: out.pointer, leadingC: 1)
    }
    for (index, (_, expected)) in values.enumerated() {
      #expect(out[index] == expected || out[index].isNaN && expected.isNaN, "\(values[index])")
    }
  }

  /// A sum is the same to the last bit whatever rows and columns are beside it.
  @Test(arguments: CPULevel.available)
  func sumsDoNotDependOnWhatIsBesideThem(level: CPULevel) {
    let shape = Shape(m: 65, n: 101, k: 77)
    let (left, right) = (Self.random(shape.m * shape.k, seed: 1), Self.random(shape.n * shape.k, seed: 2))
    func product(rows: Range<Int>, columns: Range<Int>) -> [Float] {
      let out = SharedBuffer<Float>(count: rows.count * columns.count)
      level.run {
        MatrixProducts.bfloat16.multiply(
          transposeB: true, m: rows.count, n: columns.count, k: shape.k,
          a: left.pointer + rows.lowerBound * shape.k, leadingA: shape.k,
          b: right.pointer + columns.lowerBound * shape.k, leadingB: shape.k, c: out.pointer,
          leadingC: columns.count)
      }
      return out.array
    }
    let whole = product(rows: 0..<65, columns: 0..<101)
    for (rows, columns) in [(3..<4, 50..<51), (5..<30, 17..<90), (0..<65, 100..<101)] {
      let part = product(rows: rows, columns: columns)
      #expect(part == rows.flatMap { row in columns.map { whole[row * 101 + $0] } })
    }
  }

  /// Matrices stored either way, with room between their rows, in more pieces than one along each axis.
  @Test(
    arguments: [
      Shape(m: 5, n: 7, k: 3), Shape(m: 130, n: 200, k: 70), Shape(m: 20, n: 9, k: 3100),
      Shape(m: 2100, n: 5, k: 6), Shape(m: 3, n: 3100, k: 9), Shape(m: 0, n: 3, k: 2),
      Shape(m: 3, n: 2, k: 0),
    ], ParallelProductTests.Transposed.allCases)
  func equalsTheWholeProductOnAnyNumberOfThreads(
    shape: Shape, transposed: ParallelProductTests.Transposed
  ) throws {
    let (m, n, k) = (shape.m, shape.n, shape.k)
    let (left, right) = (Self.random(m * k, seed: 1), Self.random(n * k, seed: 2))
    let (start, bias) = (Self.random(m * n, seed: 3), Self.random(n, seed: 4))
    let (transposeA, transposeB) = ([.a, .both].contains(transposed), [.b, .both].contains(transposed))
    let a = transposeA ? Self.transposed(left, rows: m, columns: k) : left
    let b = transposeB ? right : Self.transposed(right, rows: n, columns: k)
    let (leadingA, leadingB) = (transposeA ? m : k, transposeB ? k : n)
    for withBias in [false, true] {
      let results = try [1, 2, 3].map { threads in
        let c = SharedBuffer(start.array)
        try MatrixProducts.bfloat16.multiply(
          Parallel(threadCount: threads), transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k,
          a: a, leadingA: leadingA, b: b, leadingB: leadingB, bias: withBias ? bias : nil, beta: 0.5, c: c,
          leadingC: n)
        return c.array
      }
      #expect(results[0] == results[1] && results[0] == results[2])
      let before = withBias ? (0..<m * n).map { bias[$0 % n] } : start.array
      let expected = Self.expected(left, right, shape, scale: 1, beta: withBias ? 1 : 0.5, before)
      let closeness = Closeness(results[0], expected)
      #expect(closeness.maximumDifference < Self.tolerance(k), "\(closeness)")
      guard !withBias else { continue }
      let alone = SharedBuffer(start.array)
      MatrixProducts.bfloat16.multiply(
        transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, a: a.pointer, leadingA: leadingA,
        b: b.pointer, leadingB: leadingB, beta: 0.5, c: alone.pointer, leadingC: n)
      #expect(alone.array == results[0], "a product by one caller is that by many")
    }
  }

  @Test(arguments: MatrixProducts.allCases)
  func theResultIsNotReadWhereBetaIsZero(products: MatrixProducts) {
    let a = SharedBuffer<Float>([1, 2, 3, 4])
    let c = SharedBuffer<Float>(repeatElement(.nan, count: 4))
    products.multiply(
      m: 2, n: 2, k: 2, a: a.pointer, leadingA: 2, b: a.pointer, leadingB: 2, c: c.pointer, leadingC: 2)
    #expect(c.array == [7, 10, 15, 22])
  }

  /// A factor that is prepared once is the matrix that it was made of, and follows it.
  @Test(arguments: MatrixProducts.allCases, [true, false])
  func aFactorIsItsMatrix(products: MatrixProducts, isTransposed: Bool) throws {
    let (inputWidth, outputWidth, count) = (37, 70, 19)
    let source = SharedBuffer<Float>(count: inputWidth * outputWidth)
    let factor = ProductFactor(
      source, isTransposed: isTransposed, inputWidth: inputWidth, outputWidth: outputWidth, products)
    let rows = Self.random(count * inputWidth, seed: 5)
    for seed: UInt64 in [6, 7] {
      _ = source.buffer.update(fromContentsOf: Self.random(source.count, seed: seed).array)
      try factor.prepare(Parallel(threadCount: 2))
      let output = Self.random(count * outputWidth, seed: 8)
      let expected = SharedBuffer(output.array)
      factor.multiply(rows.pointer, count: count, beta: 1, into: output.pointer)
      products.multiply(
        transposeB: isTransposed, m: count, n: outputWidth, k: inputWidth, a: rows.pointer,
        leadingA: inputWidth, b: source.pointer, leadingB: isTransposed ? inputWidth : outputWidth, beta: 1,
        c: expected.pointer, leadingC: outputWidth)
      // OpenBLAS may add in another order for an operand that is stored otherwise.
      #expect(Closeness(output.array, expected.array).maximumDifference < 2e-5)
    }
  }
}
