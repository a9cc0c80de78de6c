import Compute
import Testing

@Suite struct SymmetricEigensystemTests {
  @Test(arguments: [1, 2, 3, 33, 130]) func vectorsDiagonaliseTheMatrix(width: Int) throws {
    var generator = SeededGenerator(seed: UInt64(width))
    let matrix = SharedBuffer<Double>(count: width * width)
    for row in 0..<width {
      for column in 0...row {
        matrix[row * width + column] = generator.normal()
        matrix[column * width + row] = matrix[row * width + column]
      }
    }
    let original = matrix.array
    let system = try #require(SymmetricEigensystem(overwriting: matrix, width: width))
    #expect(system.values == system.values.sorted())
    for vector in 0..<width {
      for row in 0..<width {
        let product = (0..<width).reduce(0.0) {
          $0 + original[row * width + $1] * system.vectors[vector * width + $1]
        }
        #expect(abs(product - system.values[vector] * system.vectors[vector * width + row]) < 1e-11)
      }
      let norm = (0..<width).reduce(0.0) {
        $0 + system.vectors[vector * width + $1] * system.vectors[vector * width + $1]
      }
      #expect(abs(norm - 1) < 1e-12)
    }
  }
}
