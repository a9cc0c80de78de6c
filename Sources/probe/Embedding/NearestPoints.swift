import Compute

/// The nearest other points of each point by Euclidean distance, exactly: distances are multiplied out of centred features in
/// double precision, so that nothing cancels that single precision would keep.
package enum NearestPoints {
  private static let queriesPerPass = 4096
  private static let queriesPerTile = 128
  private static let rowsPerBlock = 2048
  /// What a block of points in double precision may take.
  private static let blockByteCount = 256 << 20

  /// - Parameters:
  ///   - count: k, less than the number of points.
  ///   - shouldStop: asked before each pass.
  /// - Returns: [N, k], the nearest first; a neighbour's similarity is minus its squared distance. Of equally near points the
  ///   lower row comes first.
  /// - Throws: `CancellationError` where `shouldStop` said so.
  package static func search(
    _ features: CenteredFeatures, count: Int, _ parallel: Parallel, shouldStop: () -> Bool = { false }
  ) throws -> SharedBuffer<Neighbour> {
    let rowByteCount = features.width * MemoryLayout<Double>.stride
    let rowsPerBlock = min(features.count, Self.rowsPerBlock, max(16, blockByteCount / rowByteCount))
    let queriesPerTile = min(Self.queriesPerTile, rowsPerBlock)
    let selection = NeighbourSelection(
      rowCount: features.count, count: count, queriesPerTile: queriesPerTile, rowsPerBlock: rowsPerBlock)
    let tiles = DistanceTiles(
      features, norms: try features.squaredNorms(parallel), queriesPerTile: queriesPerTile,
      rowsPerBlock: rowsPerBlock, parallel)
    let result = SharedBuffer<Neighbour>(count: features.count * count)
    for start in stride(from: 0, to: features.count, by: queriesPerPass) {
      if shouldStop() { throw CancellationError() }
      let found = try selection.nearest(
        queryCount: min(queriesPerPass, features.count - start), tiles.from(start), parallel)
      (result.pointer + start * count).update(from: found.pointer, count: found.count)
    }
    return result
  }
}

/// Minus the squared distances |a|^2 + |b|^2 - 2 a b.
private struct DistanceTiles: SimilarityTiles {
  private let features: CenteredFeatures
  /// [N], squared.
  private let norms: SharedBuffer<Double>
  /// [rows, W]: the points that are compared at the moment.
  private let block: SharedBuffer<Double>
  private let scratch: PerWorker<Scratch>
  /// The point that query 0 is.
  private var firstQuery = 0

  private final class Scratch: Sendable {
    let queries: SharedBuffer<Double>
    let products: SharedBuffer<Double>

    init(queries: Int, products: Int) {
      self.queries = SharedBuffer(count: queries)
      self.products = SharedBuffer(count: products)
    }
  }

  init(
    _ features: CenteredFeatures, norms: SharedBuffer<Double>, queriesPerTile: Int, rowsPerBlock: Int,
    _ parallel: Parallel
  ) {
    (self.features, self.norms) = (features, norms)
    block = SharedBuffer(count: rowsPerBlock * features.width)
    scratch = PerWorker(parallel) {
      Scratch(queries: queriesPerTile * features.width, products: queriesPerTile * rowsPerBlock)
    }
  }

  func from(_ query: Int) -> DistanceTiles {
    var tiles = self
    tiles.firstQuery = query
    return tiles
  }

  func prepare(rows: Range<Int>, _ parallel: Parallel) throws {
    try parallel.forEachChunk(of: rows.count, length: 32) { _, chunk, _ in
      features.write(
        rows: rows.lowerBound + chunk.lowerBound..<rows.lowerBound + chunk.upperBound,
        columns: 0..<features.width, to: block.pointer + chunk.lowerBound * features.width)
    }
  }

  func write(
    queries: Range<Int>, rows: Range<Int>, to similarities: UnsafeMutablePointer<Float>, worker: Int
  ) throws {
    let scratch = try scratch.value(worker)
    let width = features.width
    let points = firstQuery + queries.lowerBound..<firstQuery + queries.upperBound
    features.write(rows: points, columns: 0..<width, to: scratch.queries.pointer)
    BLAS.multiply(
      transposeB: true, m: points.count, n: rows.count, k: width, alpha: 2, a: scratch.queries.pointer,
      leadingA: width, b: block.pointer, leadingB: width, c: scratch.products.pointer, leadingC: rows.count)
    let rowNorms = norms.pointer + rows.lowerBound
    let farthest = -Double(Float.greatestFiniteMagnitude)
    for (index, point) in points.enumerated() {
      let norm = norms.pointer[point]
      let products = scratch.products.pointer + index * rows.count
      let out = similarities + index * rows.count
      for row in 0..<rows.count {
        // Rounding makes no distance less than none, and none infinite.
        let similarity = products[row] - norm - rowNorms[row]
        out[row] = Float(similarity > 0 ? 0 : similarity < farthest ? farthest : similarity)
      }
      if rows.contains(point) { out[point - rows.lowerBound] = -.infinity }
    }
  }
}
