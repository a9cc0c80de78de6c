import Compute
import Testing

@Suite struct SymmetricEigenvectorTests {
  /// A matrix with known eigenvalues 1, 2, ..., n, in a random basis of reflections: each vector satisfies its equation.
  @Test(arguments: [1, 2, 3, 17, 64])
  func vectorsSatisfyTheirEquation(order: Int) {
    var generator = SeededGenerator(seed: 4)
    let axis = (0..<order).map { _ in generator.normal() }
    let squares = axis.reduce(0) { $0 + $1 * $1 }
    // H = 1 - 2 a a' / a'a, and the matrix is H diag(1 ... n) H.
    func reflection(_ i: Int, _ j: Int) -> Double { (i == j ? 1 : 0) - 2 * axis[i] * axis[j] / squares }
    var matrix = [Double](repeating: 0, count: order * order)
    for i in 0..<order {
      for j in 0..<order {
        matrix[i * order + j] = (0..<order).reduce(0) {
          $0 + reflection(i, $1) * Double($1 + 1) * reflection($1, j)
        }
      }
    }
    for rank in 0..<order {
      let copy = SharedBuffer(matrix)
      let vector = SharedBuffer<Double>(count: order)
      #expect(
        SymmetricEigenvector.write(
          of: copy.pointer, order: order, rankFromLargest: rank, to: vector.pointer))
      let value = Double(order - rank)
      for i in 0..<order {
        let product = (0..<order).reduce(0) { $0 + matrix[i * order + $1] * vector[$1] }
        // Roundings of eigenvalues up to 64, by 64 terms.
        #expect(abs(product - value * vector[i]) < 1e-12)
      }
      #expect(abs(vector.array.reduce(0) { $0 + $1 * $1 } - 1) < 1e-12)
    }
  }
}
