import CKernels
import Compute
import Files

/// Features less their means, X [N, W] in double precision. They are made tile by tile where they are needed, so that nothing
/// is as large as the features themselves.
package struct CenteredFeatures: Sendable {
  private static let rowsPerTile = 512
  private static let columnsPerTile = 64

  private let features: SharedBuffer<Float>
  /// N
  package let count: Int
  /// W
  package let width: Int
  /// [W]
  private let means: SharedBuffer<Double>

  /// - Throws: where a feature is no finite number.
  package init(_ features: SharedBuffer<Float>, count: Int, width: Int, _ parallel: Parallel) throws {
    precondition(
      count > 0 && width > 0 && features.count == count * width,
      "\(features.count) numbers are not \(count) points of \(width) features")
    (self.features, self.count, self.width) = (features, count, width)
    try parallel.forEachChunk(of: count, length: 256) { _, rows, _ in
      for row in rows where pb_all_finite(features.pointer + row * width, width) == 0 {
        throw InputError("the points", "point \(row) has features that are not finite")
      }
    }
    let means = SharedBuffer<Double>(count: width)
    try parallel.forEachChunk(of: width, length: Self.columnsPerTile) { _, columns, _ in
      // Distances from the first point: what never changes is exactly 0.
      let origin = features.pointer
      for row in 0..<count {
        let values = features.pointer + row * width
        for column in columns { means.pointer[column] += Double(values[column]) - Double(origin[column]) }
      }
      for column in columns {
        means.pointer[column] = Double(origin[column]) + means.pointer[column] / Double(count)
      }
    }
    self.means = means
  }

  /// Writes a part of X, [rows, columns].
  func write(rows: Range<Int>, columns: Range<Int>, to tile: UnsafeMutablePointer<Double>) {
    var out = tile
    let means = means.pointer + columns.lowerBound
    for row in rows {
      let values = features.pointer + row * width + columns.lowerBound
      for column in 0..<columns.count { out[column] = Double(values[column]) - means[column] }
      out += columns.count
    }
  }

  /// Vectors of W elements times the transpose of X.
  ///
  /// - Parameter vectors: [n, W]
  /// - Returns: [n, N]
  func projections(of vectors: SharedBuffer<Double>, _ parallel: Parallel) throws -> SharedBuffer<Double> {
    let vectorCount = vectors.count / width
    let result = SharedBuffer<Double>(count: vectorCount * count)
    let tiles = tiles(parallel)
    try parallel.forEachChunk(of: count, length: Self.rowsPerTile) { _, rows, worker in
      let tile = try tiles.value(worker).pointer
      for start in stride(from: 0, to: width, by: Self.columnsPerTile) {
        let columns = start..<min(width, start + Self.columnsPerTile)
        write(rows: rows, columns: columns, to: tile)
        BLAS.multiply(
          transposeB: true, m: vectorCount, n: rows.count, k: columns.count, a: vectors.pointer + start,
          leadingA: width, b: tile, leadingB: columns.count, beta: start == 0 ? 0 : 1,
          c: result.pointer + rows.lowerBound, leadingC: count)
      }
    }
    return result
  }

  /// Vectors of N elements times X.
  ///
  /// - Parameter vectors: [n, N]
  /// - Returns: [n, W]
  func combinations(by vectors: SharedBuffer<Double>, _ parallel: Parallel) throws -> SharedBuffer<Double> {
    let vectorCount = vectors.count / count
    let result = SharedBuffer<Double>(count: vectorCount * width)
    let tiles = tiles(parallel)
    try parallel.forEachChunk(of: width, length: Self.columnsPerTile) { _, columns, worker in
      let tile = try tiles.value(worker).pointer
      for start in stride(from: 0, to: count, by: Self.rowsPerTile) {
        let rows = start..<min(count, start + Self.rowsPerTile)
        write(rows: rows, columns: columns, to: tile)
        BLAS.multiply(
          m: vectorCount, n: columns.count, k: rows.count, a: vectors.pointer + start, leadingA: count,
          b: tile, leadingB: columns.count, beta: start == 0 ? 0 : 1,
          c: result.pointer + columns.lowerBound, leadingC: width)
      }
    }
    return result
  }

  /// The squared norms of the points, [N].
  func squaredNorms(_ parallel: Parallel) throws -> SharedBuffer<Double> {
    let result = SharedBuffer<Double>(count: count)
    try parallel.forEachChunk(of: count, length: Self.rowsPerTile) { _, rows, _ in
      for row in rows {
        let values = features.pointer + row * width
        var sum = 0.0
        for column in 0..<width {
          let distance = Double(values[column]) - means.pointer[column]
          sum += distance * distance
        }
        result.pointer[row] = sum
      }
    }
    return result
  }

  private func tiles(_ parallel: Parallel) -> PerWorker<SharedBuffer<Double>> {
    PerWorker(parallel) { SharedBuffer(count: Self.rowsPerTile * Self.columnsPerTile) }
  }
}
