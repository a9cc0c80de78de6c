import Compute
import TestSupport
import Testing

struct BLASTests {
  /// A matrix stored with room between its rows.
  struct Matrix {
    let rows: Int
    let columns: Int
    let leading: Int
    let values: SharedBuffer<Float>

    init(rows: Int, columns: Int, padding: Int, generator: inout SeededGenerator) {
      self.rows = rows
      self.columns = columns
      leading = columns + padding
      values = SharedBuffer((0..<rows * leading).map { _ in Float(generator.uniform(-1, 1)) })
    }

    func at(_ row: Int, _ column: Int) -> Double { Double(values.pointer[row * leading + column]) }
  }

  @Test(
    arguments: [(1, 1, 1), (3, 5, 7), (17, 16, 15), (64, 1, 33), (1, 64, 33), (31, 33, 65)],
    [(false, false), (true, false), (false, true), (true, true)])
  func agreesWithANaiveProduct(size: (m: Int, n: Int, k: Int), transposed: (a: Bool, b: Bool)) {
    var generator = SeededGenerator(seed: 1)
    let (m, n, k) = size
    let a = Matrix(
      rows: transposed.a ? k : m, columns: transposed.a ? m : k, padding: 2, generator: &generator)
    let b = Matrix(
      rows: transposed.b ? n : k, columns: transposed.b ? k : n, padding: 1, generator: &generator)
    let c = Matrix(rows: m, columns: n, padding: 3, generator: &generator)
    var expected = c.values.array
    for row in 0..<m {
      for column in 0..<n {
        let product = (0..<k).reduce(0.0) { sum, inner in
          sum + (transposed.a ? a.at(inner, row) : a.at(row, inner))
            * (transposed.b ? b.at(column, inner) : b.at(inner, column))
        }
        expected[row * c.leading + column] = Float(1.5 * product - 0.25 * c.at(row, column))
      }
    }
    BLAS.multiply(
      transposeA: transposed.a, transposeB: transposed.b, m: m, n: n, k: k, alpha: 1.5,
      a: a.values.pointer, leadingA: a.leading, b: b.values.pointer, leadingB: b.leading, beta: -0.25,
      c: c.values.pointer, leadingC: c.leading)
    // What lies between the rows must be as it was, so all of the memory is compared.
    let closeness = Closeness(c.values.array, expected)
    #expect(closeness.maximumDifference < 1e-5, "\(closeness)")
  }

  @Test(arguments: [(1, 1), (5, 3), (16, 33), (65, 17)])
  func theUpperTriangleIsTheProductWithTheTransposed(n: Int, k: Int) {
    var generator = SeededGenerator(seed: 2)
    let a = SharedBuffer((0..<k * n).map { _ in Float(generator.uniform(-1, 1)) })
    let c = SharedBuffer((0..<n * n).map { _ in Float(generator.uniform(-1, 1)) })
    var expected = c.array
    for row in 0..<n {
      for column in row..<n {
        let product = (0..<k).reduce(0.0) { $0 + Double(a[$1 * n + row]) * Double(a[$1 * n + column]) }
        expected[row * n + column] = Float(product + 0.5 * Double(c[row * n + column]))
      }
    }
    BLAS.multiplyByTransposed(n: n, k: k, a: a.pointer, beta: 0.5, c: c.pointer)
    let closeness = Closeness(c.array, expected)
    #expect(closeness.maximumDifference < 1e-5, "\(closeness)")
  }

  @Test func theResultIsNotReadWhereBetaIsZero() {
    let a = SharedBuffer<Float>([1, 2, 3, 4])
    let c = SharedBuffer<Float>(repeatElement(.nan, count: 4))
    BLAS.multiply(
      m: 2, n: 2, k: 2, a: a.pointer, leadingA: 2, b: a.pointer, leadingB: 2, c: c.pointer, leadingC: 2)
    #expect(c.array == [7, 10, 15, 22])
  }

  @Test func namesItself() {
    #expect(BLAS.description.contains("OpenBLAS"))
  }
}
