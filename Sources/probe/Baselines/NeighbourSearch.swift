import CKernels
import Compute

/// A training image that is near to a query: ordered by similarity, and of equally similar ones the lower row first.
package struct Neighbour: BitwiseCopyable, Comparable {
  /// The bits of the similarity, made to grow with it, above the row's complement: one comparison orders both.
  private let key: UInt64

  package init(similarity: Float, row: Int) {
    // Zero has one sign here.
    let bits = (similarity == 0 ? 0 : similarity).bitPattern
    let ordered = bits ^ (bits >> 31 == 1 ? .max : 0x8000_0000)
    key = UInt64(ordered) << 32 | UInt64(~UInt32(row))
  }

  package var similarity: Float {
    let ordered = UInt32(key >> 32)
    return Float(bitPattern: ordered >> 31 == 1 ? ordered ^ 0x8000_0000 : ~ordered)
  }

  package var row: Int { Int(~UInt32(truncatingIfNeeded: key)) }

  /// Whether a neighbour comes after another.
  package static func < (a: Neighbour, b: Neighbour) -> Bool { a.key < b.key }
}

/// Exact search for the nearest training images by cosine similarity. Training images are normalised block by block and
/// multiplied with tiles of queries; only similarities above a query's k-th so far are looked at.
package struct NeighbourSearch: Sendable {
  /// What the candidates of queries that go through the training images together may take.
  private static let candidateByteCount = 256 << 20
  private static let queriesPerTile = 64
  private static let rowsPerBlock = 2048

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

  /// - Returns: [places, k], the nearest first.
  package func nearest(
    _ queries: LabelledFeatures, _ places: Range<Int>, _ parallel: Parallel
  ) throws -> SharedBuffer<Neighbour> {
    let width = training.width
    let normalised = SharedBuffer<Float>(count: places.count * width)
    try normalise(queries, places, into: normalised, parallel)
    let blockLength = min(Self.rowsPerBlock, training.count)
    let block = SharedBuffer<Float>(count: blockLength * width)
    // Room for k and as many again: sorting is needed only when it is full.
    let capacity = 2 * count
    let candidates = SharedBuffer<Neighbour>(count: places.count * capacity)
    let states = SharedBuffer<State>(count: places.count)
    states.fill(State())
    let scratch = PerWorker(parallel) {
      Scratch(tile: Self.queriesPerTile * blockLength, selected: blockLength)
    }
    for start in stride(from: 0, to: training.count, by: blockLength) {
      let rows = start..<min(training.count, start + blockLength)
      try normalise(training, rows, into: block, parallel)
      try parallel.forEachChunk(of: places.count, length: Self.queriesPerTile) { _, tile, worker in
        let scratch = try scratch.value(worker)
        BLAS.multiply(
          transposeB: true, m: tile.count, n: rows.count, k: width,
          a: normalised.pointer + tile.lowerBound * width, leadingA: width, b: block.pointer, leadingB: width,
          c: scratch.similarities.pointer, leadingC: rows.count)
        for query in tile {
          let similarities = scratch.similarities.pointer + (query - tile.lowerBound) * rows.count
          let own = UnsafeMutableBufferPointer(start: candidates.pointer + query * capacity, count: capacity)
          keep(similarities, rows, scratch.selected.pointer, own, &states.pointer[query])
        }
      }
    }
    let nearest = SharedBuffer<Neighbour>(count: places.count * count)
    try parallel.forEachChunk(of: places.count, length: 16) { _, range, _ in
      for query in range {
        let own = UnsafeMutableBufferPointer(start: candidates.pointer + query * capacity, count: capacity)
        shorten(own, &states.pointer[query])
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

  /// Features over their Euclidean norm; those of norm 0 stay as they are.
  private func normalise(
    _ features: LabelledFeatures, _ places: Range<Int>, into out: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    let width = features.width
    try parallel.forEachChunk(of: places.count, length: 32) { _, rows, _ in
      for row in rows {
        let values = features.features(places.lowerBound + row)
        let result = out.pointer + row * width
        var square = 0.0
        for index in 0..<width { square += Double(values[index]) * Double(values[index]) }
        let scale = square > 0 ? 1 / square.squareRoot() : 0
        for index in 0..<width { result[index] = Float(Double(values[index]) * scale) }
      }
    }
  }
}
