import Compute

/// Exact search for the nearest training images by cosine similarity: features over their norms, multiplied in tiles.
package struct NeighbourSearch: Sendable {
  /// What the candidates of queries that go through the training images together may take.
  private static let candidateByteCount = 256 << 20

  private let training: LabelledFeatures
  /// k
  private let count: Int

  /// Queries that go through the training images together: as many as have room for their candidates and for what is found.
  /// Nothing found depends on it.
  package var queriesPerPass: Int {
    min(4096, max(1, Self.candidateByteCount / (3 * count * MemoryLayout<Neighbour>.stride)))
  }

  /// - Parameter count: at most the number of training images.
  package init(_ training: LabelledFeatures, count: Int) {
    self.training = training
    self.count = count
  }

  /// - Parameter onRows: told how many of the training images have been compared. What it throws ends the search.
  /// - Returns: [places, k], the nearest first.
  package func nearest(
    _ queries: LabelledFeatures, _ places: Range<Int>, _ parallel: Parallel,
    onRows: (_ count: Int) throws -> Void = { _ in }
  ) throws -> SharedBuffer<Neighbour> {
    let rowsPerBlock = 2048
    let tiles = CosineTiles(
      queries: try queries.normalised(places, parallel), training: training,
      block: SharedBuffer(count: min(rowsPerBlock, training.count) * training.width))
    return try NeighbourSelection(rowCount: training.count, count: count, rowsPerBlock: rowsPerBlock)
      .nearest(queryCount: places.count, tiles, parallel, onRows: onRows)
  }
}

private struct CosineTiles: SimilarityTiles {
  /// [queries, D], normalised.
  let queries: SharedBuffer<Float>
  let training: LabelledFeatures
  /// [rows, D]: the training images that are compared at the moment, normalised.
  let block: SharedBuffer<Float>

  func prepare(rows: Range<Int>, _ parallel: Parallel) throws {
    try training.normalise(rows, into: block, parallel)
  }

  func write(
    queries tile: Range<Int>, rows: Range<Int>, to similarities: UnsafeMutablePointer<Float>, worker: Int
  ) {
    let width = training.width
    BLAS.multiply(
      transposeB: true, m: tile.count, n: rows.count, k: width,
      a: queries.pointer + tile.lowerBound * width, leadingA: width, b: block.pointer, leadingB: width,
      c: similarities, leadingC: rows.count)
  }
}

extension LabelledFeatures {
  fileprivate func normalised(_ places: Range<Int>, _ parallel: Parallel) throws -> SharedBuffer<Float> {
    let result = SharedBuffer<Float>(count: places.count * width)
    try normalise(places, into: result, parallel)
    return result
  }

  /// Features over their Euclidean norm; those of norm 0 stay as they are.
  fileprivate func normalise(
    _ places: Range<Int>, into out: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    let width = width
    try parallel.forEachChunk(of: places.count, length: 32) { _, rows, _ in
      for row in rows {
        let values = features(places.lowerBound + row)
        let result = out.pointer + row * width
        var square = 0.0
        for index in 0..<width { square += Double(values[index]) * Double(values[index]) }
        let scale = square > 0 ? 1 / square.squareRoot() : 0
        for index in 0..<width { result[index] = Float(Double(values[index]) * scale) }
      }
    }
  }
}
