import Compute
import Files
import Synchronization

/// One shard in the making. Dropped before `finish`, it leaves a `.partial` file that the next run continues.
///
/// A row is written in the order payload, checksum, state: a row whose state says that it is there is whole, unless
/// the machine lost power, which the checksum tells.
public final class ShardWriter: Sendable {
  public let index: Int
  /// The shard's rows, counted over the whole cache.
  public let rowRange: Range<Int>
  /// The rows that were still to be written when the shard was opened, counted over the whole cache.
  public let remainingRows: [Int]
  private let writer: CacheWriter
  private let file: Descriptor
  private let skeleton: ShardSkeleton
  /// Per dataset of the layout.
  private let offsets: [Int]
  /// Per identity dataset: the shard's rows as they are stored.
  private let identityColumns: [[UInt8]]
  private let isFinished = Atomic(false)

  private var layout: RowLayout { writer.layout }

  /// - Parameter file: the shard's `.partial` file, which has the template's skeleton, locked.
  init(_ writer: CacheWriter, _ index: Int, _ file: Descriptor, _ template: SkeletonTemplate) throws {
    self.writer = writer
    self.index = index
    self.file = file
    skeleton = template.skeleton
    rowRange = writer.rows(ofShard: index)
    offsets = writer.layout.datasets.map { template.skeleton.placements[$0.name]!.offset }
    identityColumns = writer.layout.identityColumns(of: writer.rows[rowRange])
    try file.reserve(byteCount: template.skeleton.byteCount)
    let firstIdentity = writer.layout.payload.count
    for (index, column) in identityColumns.enumerated() {
      try file.write(column, at: offsets[firstIdentity + index])
    }
    try file.synchronize()
    let shard = try MappedShard(
      file.path, layout: writer.layout, rowCount: rowRange.count, placements: skeleton.placements)
    let remaining = try shard.damagedRows(writer.parallel)
    // States of torn rows, so that a row counts as written only once this run has written it.
    for row in remaining where shard.state(row: row) != .empty {
      try file.requireStillNamed()
      try file.write([RowState.empty.rawValue], at: offsets[writer.layout.stateIndex] + row)
    }
    remainingRows = remaining.map { [start = rowRange.lowerBound] in start + $0 }
  }

  /// Writes a row, from any thread; one thread at a time for each row.
  ///
  /// - Parameters:
  ///   - row: counted over the whole cache.
  ///   - buffer: with all of the row's payload set; it is ready for another row afterwards.
  public func write(row: Int, _ buffer: RowBuffer) throws(InputError) {
    precondition(buffer.layout == layout, "the buffer is laid out for another cache")
    try write(row: row, buffer.takePayload(), .good)
  }

  /// Writes a row whose image cannot be decoded: zeros, and the state that says so.
  public func writeUndecodable(row: Int) throws(InputError) {
    let zeros = SharedBuffer<UInt8>(count: layout.payload.reduce(0) { max($0, $1.rowByteCount) })
    let payload = layout.payload.map {
      UnsafeMutableRawBufferPointer(start: zeros.pointer, count: $0.rowByteCount)
    }
    try write(row: row, payload, .undecodable)
    withExtendedLifetime(zeros) {}
  }

  /// - Parameter payload: the row's bytes in each payload dataset.
  private func write(
    row: Int, _ payload: [UnsafeMutableRawBufferPointer], _ state: RowState
  ) throws(InputError) {
    precondition(rowRange.contains(row), "row \(row) is outside the shard's \(rowRange)")
    precondition(!isFinished.load(ordering: .acquiring), "shard \(index) is finished")
    let local = row - rowRange.lowerBound
    var checksum = RowChecksum()
    for bytes in payload { checksum.update(UnsafeRawBufferPointer(bytes)) }
    for (column, dataset) in zip(identityColumns, layout.datasets[layout.payload.count...]) {
      let size = dataset.rowByteCount
      column.withUnsafeBytes {
        checksum.update(UnsafeRawBufferPointer(rebasing: $0[local * size..<(local + 1) * size]))
      }
    }
    withUnsafeBytes(of: state.rawValue) { checksum.update($0) }

    try file.requireStillNamed()
    for (bytes, offset) in zip(payload, offsets) {
      try file.write(UnsafeRawBufferPointer(bytes), at: offset + local * bytes.count)
    }
    let stored = withUnsafeBytes(of: checksum.value.littleEndian) { Array($0) }
    try file.write(stored, at: offsets[layout.checksumIndex] + local * stored.count)
    try file.write([state.rawValue], at: offsets[layout.stateIndex] + local)
  }

  /// Makes the shard final, once all of its rows are written: everything on the disk, checked, renamed, recorded with
  /// its digest.
  ///
  /// - Parameter parallel: the threads to check with; by default the cache writer's.
  /// - Throws: where a row does not read back as it was written, or the file has lost its name to another process, as
  ///   can happen on a file system without locks. Nothing is finished then.
  public func finish(parallel: Parallel? = nil) throws {
    isFinished.store(true, ordering: .releasing)
    try file.synchronize()
    try file.requireStillNamed()
    let shard = try MappedShard(
      file.path, layout: layout, rowCount: rowRange.count, placements: skeleton.placements)
    let digest = ChunkResults<String>()
    let damaged = try shard.damagedRows(parallel ?? writer.parallel) { [file] in
      digest.set(try SHA256.hexadecimal(ofFile: file.path), 0)
    }
    try file.requireStillNamed()
    try requireIntact(damaged)
    try AtomicFile.rename(file.path, to: writer.path(ofShard: index))
    try writer.register(
      index, skeleton, undecodableRowCount: shard.undecodableRowCount, sha256: digest.inOrder()[0])
  }

  /// - Parameter damaged: rows, counted from the shard's first one.
  private func requireIntact(_ damaged: [Int]) throws(InputError) {
    guard let row = damaged.first else { return }
    let others = damaged.count > 1 ? " (and \(damaged.count - 1) more of the shard)" : ""
    throw InputError(
      file.path, "row \(rowRange.lowerBound + row) does not read back as it was written\(others)",
      remedy: "run the same command again, once for each rank; if it recurs, check the disk")
  }
}

extension Descriptor {
  /// Before anything is written to a shard: where the file system has no locks, another process may have finished and
  /// recorded it meanwhile. A microsecond, for rows that take milliseconds.
  fileprivate func requireStillNamed() throws(InputError) {
    if try isStillNamed() { return }
    throw InputError(
      path, "has been replaced by another process, or was finished by it",
      remedy: "start each rank once, then run the same command again")
  }
}
