import CKernels

/// How alike queries and the rows that are searched are, a tile at a time.
package protocol SimilarityTiles: Sendable {
  /// Makes rows ready for the tiles that follow, all of them of these rows.
  func prepare(rows: Range<Int>, _ parallel: Parallel) throws

  /// Writes similarities, [queries, rows]: the greater, the nearer. Rows that are to be left out have minus infinity. Called
  /// by several threads at once.
  func write(
    queries: Range<Int>, rows: Range<Int>, to similarities: UnsafeMutablePointer<Float>, worker: Int
  ) throws
}

/// Exact search for the rows that are most similar to queries: every similarity is computed, tile by tile, but only those above
/// a query's k-th so far are looked at. Memory: a tile a thread, and 24 bytes a neighbour that is wanted.
package struct NeighbourSelection: Sendable {
  /// The rows that are searched.
  private let rowCount: Int
  /// k
  private let count: Int
  private let queriesPerTile: Int
  private let rowsPerBlock: Int

  /// - Parameters:
  ///   - count: at most the number of rows that are not left out.
  ///   - rowsPerBlock: rows that are made ready at a time; neither this nor `queriesPerTile` changes what is found.
  package init(rowCount: Int, count: Int, queriesPerTile: Int = 64, rowsPerBlock: Int = 2048) {
    self.rowCount = rowCount
    self.count = count
    self.queriesPerTile = queriesPerTile
    self.rowsPerBlock = min(rowsPerBlock, rowCount)
  }

  /// - Parameters:
  ///   - queryCount: Q; the tiles are asked for queries in `0 ..< Q`.
  ///   - onRows: told how many rows have been compared. What it throws ends the search.
  /// - Returns: [Q, k], the nearest first.
  package func nearest(
    queryCount: Int, _ tiles: some SimilarityTiles, _ parallel: Parallel,
    onRows: (_ count: Int) throws -> Void = { _ in }
  ) throws -> SharedBuffer<Neighbour> {
    // Room for k and as many again: sorting is needed only when it is full.
    let capacity = 2 * count
    let candidates = SharedBuffer<Neighbour>(count: queryCount * capacity)
    let states = SharedBuffer<State>(count: queryCount)
    states.fill(State())
    let scratch = PerWorker(parallel) {
      Scratch(tile: queriesPerTile * rowsPerBlock, selected: rowsPerBlock)
    }
    for start in stride(from: 0, to: rowCount, by: rowsPerBlock) {
      let rows = start..<min(rowCount, start + rowsPerBlock)
      try tiles.prepare(rows: rows, parallel)
      try parallel.forEachChunk(of: queryCount, length: queriesPerTile) { _, queries, worker in
        let scratch = try scratch.value(worker)
        try tiles.write(queries: queries, rows: rows, to: scratch.similarities.pointer, worker: worker)
        for query in queries {
          let similarities = scratch.similarities.pointer + (query - queries.lowerBound) * rows.count
          let own = UnsafeMutableBufferPointer(start: candidates.pointer + query * capacity, count: capacity)
          keep(similarities, rows, scratch.selected.pointer, own, &states.pointer[query])
        }
      }
      try onRows(rows.upperBound)
    }
    let nearest = SharedBuffer<Neighbour>(count: queryCount * count)
    try parallel.forEachChunk(of: queryCount, length: 16) { _, queries, _ in
      for query in queries {
        let own = UnsafeMutableBufferPointer(start: candidates.pointer + query * capacity, count: capacity)
        shorten(own, &states.pointer[query])
        precondition(
          states.pointer[query].count == count,
          "query \(query) has \(states.pointer[query].count) rows to choose from, not \(count)")
        (nearest.pointer + query * count).update(from: own.baseAddress!, count: count)
      }
    }
    return nearest
  }

  /// A query's candidates so far, and what a further one has to be more similar than.
  private struct State: BitwiseCopyable {
    var count = 0
    var threshold = -Float.infinity
  }

  private final class Scratch {
    let similarities: SharedBuffer<Float>
    let selected: SharedBuffer<UInt32>

    init(tile: Int, selected count: Int) {
      similarities = SharedBuffer(count: tile)
      selected = SharedBuffer(count: count)
    }
  }

  private func keep(
    _ similarities: UnsafePointer<Float>, _ rows: Range<Int>, _ selected: UnsafeMutablePointer<UInt32>,
    _ candidates: UnsafeMutableBufferPointer<Neighbour>, _ state: inout State
  ) {
    let selectedCount = pb_select_above(similarities, rows.count, state.threshold, selected)
    for place in 0..<selectedCount {
      let index = Int(selected[place])
      // The threshold may have risen since. Rows come in order, so that an equal one comes after those that are there.
      guard similarities[index] > state.threshold else { continue }
      if state.count == candidates.count { shorten(candidates, &state) }
      guard similarities[index] > state.threshold else { continue }
      candidates[state.count] = Neighbour(similarity: similarities[index], row: rows.lowerBound + index)
      state.count += 1
    }
  }

  /// Sorts the candidates and forgets all but the first k.
  private func shorten(_ candidates: UnsafeMutableBufferPointer<Neighbour>, _ state: inout State) {
    var kept = UnsafeMutableBufferPointer(rebasing: candidates[..<state.count])
    kept.sort(by: >)
    guard state.count >= count else { return }
    state.count = count
    state.threshold = candidates[count - 1].similarity
  }
}
