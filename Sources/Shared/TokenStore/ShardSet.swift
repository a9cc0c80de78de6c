import Files

/// All shards of a cache in memory. Rows are counted over the whole cache.
final class ShardSet: Sendable {
  let layout: RowLayout
  let rowCount: Int
  let shardSize: Int
  private let shards: [MappedShard]

  /// - Parameter manifest: valid, and with every planned shard.
  init(_ folder: String, manifest: CacheManifest, layout: RowLayout) throws(InputError) {
    precondition(
      manifest.shards.count == manifest.plannedShardCount,
      "\(manifest.shards.count) of \(manifest.plannedShardCount) shards are finished")
    self.layout = layout
    rowCount = manifest.rowCount
    shardSize = manifest.shardSize
    var shards: [MappedShard] = []
    for shard in manifest.shards {
      shards.append(
        try MappedShard(
          folder + "/" + shard.name, layout: layout, rowCount: shard.rowCount, placements: shard.datasets))
    }
    self.shards = shards
  }

  /// The row's bytes in a dataset of the layout.
  func bytes(dataset: Int, row: Int) -> UnsafeRawBufferPointer {
    precondition(row >= 0 && row < rowCount, "row \(row) is outside 0 ..< \(rowCount)")
    return shards[row / shardSize].bytes(dataset: dataset, row: row % shardSize)
  }

  func floats(dataset: Int, row: Int) -> UnsafeBufferPointer<Float> {
    bytes(dataset: dataset, row: row).assumingMemoryBound(to: Float.self)
  }

  func state(row: Int) -> RowState? { shards[row / shardSize].state(row: row % shardSize) }
  func label(row: Int) -> Int32 { shards[row / shardSize].label(row: row % shardSize) }
  func id(row: Int) -> String { shards[row / shardSize].id(row: row % shardSize) }
  func identity(row: Int) -> RowIdentity { shards[row / shardSize].identity(row: row % shardSize) }
  func idBytes(row: Int) -> UnsafeRawBufferPointer { shards[row / shardSize].idBytes(row: row % shardSize) }
  func path(row: Int) -> String { shards[row / shardSize].path }
  func isIntact(row: Int) -> Bool { shards[row / shardSize].isIntact(row: row % shardSize) }

  func prefetch(dataset: Int, row: Int, _ part: Range<Int>) {
    shards[row / shardSize].prefetch(dataset: dataset, row: row % shardSize, part)
  }

  func forget(dataset: Int, row: Int, _ part: Range<Int>) {
    shards[row / shardSize].forget(dataset: dataset, row: row % shardSize, part)
  }
}
