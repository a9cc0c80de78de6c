import Compute
import TestSupport
import Testing

/// Products cut into tiles against the plain product of whole matrices.
@Suite struct ParallelProductTests {
  struct Shape: Sendable {
    let m, n, k: Int
  }

  /// Below, at and above the borders of tiles.
  static let shapes = [
    Shape(m: 1, n: 1, k: 1), Shape(m: 3, n: 385, k: 7), Shape(m: 257, n: 5, k: 33),
    Shape(m: 256, n: 384, k: 16), Shape(m: 300, n: 800, k: 20), Shape(m: 0, n: 4, k: 4),
  ]

  /// Which operands are stored the other way round.
  enum Transposed: CaseIterable, Sendable {
    case neither, a, b, both
  }

  private func random(_ count: Int, _ generator: inout SeededGenerator) -> SharedBuffer<Float> {
    SharedBuffer((0..<count).map { _ in Float(generator.normal()) })
  }

  @Test(arguments: shapes, Transposed.allCases)
  func equalsTheWholeProductOnAnyNumberOfThreads(shape: Shape, transposed: Transposed) throws {
    var generator = SeededGenerator(seed: 4)
    let (m, n, k) = (shape.m, shape.n, shape.k)
    let (a, b, bias) = (random(m * k, &generator), random(n * k, &generator), random(n, &generator))
    let start = random(m * n, &generator).array
    let (transposeA, transposeB) = ([.a, .both].contains(transposed), [.b, .both].contains(transposed))
    for withBias in [false, true] {
      let results = try [1, 2, 3].map { threads in
        let c = SharedBuffer(start)
        try BLAS.multiply(
          Parallel(threadCount: threads), transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k,
          a: a, leadingA: transposeA ? m : k, b: b, leadingB: transposeB ? k : n, bias: withBias ? bias : nil,
          beta: 0.5,
          c: c, leadingC: n)
        return c.array
      }
      #expect(results[0] == results[1] && results[0] == results[2])
      var expected = start.indices.map { withBias ? bias[$0 % n] : 0.5 * start[$0] }
      for row in 0..<m {
        for column in 0..<n {
          var sum = 0.0
          for index in 0..<k {
            let left = a[transposeA ? index * m + row : row * k + index]
            let right = b[transposeB ? column * k + index : index * n + column]
            sum += Double(left) * Double(right)
          }
          expected[row * n + column] += Float(sum)
        }
      }
      // Sums of up to 33 products of size 1, each rounded to 6e-8.
      #expect(Closeness(results[0], expected).maximumDifference < 2e-5, "\(shape)")
    }
  }

  @Test(arguments: [Float.infinity, -.infinity, .nan])
  func aBufferIsFiniteWhereAllOfItIs(value: Float) {
    for count in [1, 15, 16, 17, 100] {
      let buffer = SharedBuffer<Float>(repeatElement(Float.greatestFiniteMagnitude, count: count))
      #expect(buffer.isFinite)
      for index in [0, count / 2, count - 1] {
        buffer[index] = value
        #expect(!buffer.isFinite)
        buffer[index] = -1
      }
    }
    #expect(SharedBuffer<Float>(count: 0).isFinite)
  }
}
