import Files

/// Records: what the manifest of a partial cache does not say yet.
///
/// Whoever finishes a shard writes a record beside it, `shard-NNNNN.json`: a manifest that lists this one shard. So
/// processes on many machines tell each other what is finished without ever changing the same file, and a record is
/// signed, bound to its settings and checked as every manifest is. When all shards have one, the complete manifest takes
/// their place; they are removed only after that, so that someone who misses a record finds the manifest changed.
extension CacheManifest {
  /// The file name of a record.
  package static func recordName(_ index: Int) -> String {
    shardName(index).replacing(".h5", with: ".json")
  }

  /// The shards of this cache that names are records of, ascending.
  ///
  /// The names, and not the shards, are gone through: a stranger's manifest may plan any number of shards.
  private func indices(ofRecords names: [String]) -> [Int] {
    names.compactMap { name in
      guard name.hasPrefix("shard-"), name.hasSuffix(".json"), let index = Int(name.dropFirst(6).dropLast(5)),
        (0..<plannedShardCount).contains(index), Self.recordName(index) == name
      else { return nil }
      return index
    }.sorted()
  }

  /// Records a shard of this cache as finished.
  func writeRecord(of shard: Shard, _ folder: String) throws(InputError) {
    var record = self
    record.setShards([shard])
    try AtomicFile.write(
      try record.encoded(), to: folder + "/" + Self.recordName(shard.rowStart / shardSize))
  }

  /// The shard that a record says is finished; nil where there is no record.
  ///
  /// - Parameter layout: of the cache's shards, where it is known already.
  /// - Throws: where the record is damaged, or another cache's or shard's.
  func readRecord(_ index: Int, layout: RowLayout?, _ folder: String) throws(InputError) -> Shard? {
    let path = folder + "/" + Self.recordName(index)
    let record: CacheManifest
    do {
      record = try Self.read(file: path)
    } catch {
      // It may have been removed since it was seen.
      guard Folder.contains(path) else { return nil }
      throw error
    }
    guard record.state == .partial, let shard = record.shards.first, record.shards.count == 1,
      record.configuration == configuration, record.rowCount == rowCount, record.shardSize == shardSize,
      shard.rowStart == index * shardSize
    else { throw InputError(path, "is not the record of this cache's \(Self.shardName(index))") }
    try layout?.requireFits(
      shard.datasets, rowCount: shard.rowCount, fileByteCount: shard.byteCount, path)
    return shard
  }

  /// This manifest, with the shards that have good records and are not in it.
  package func addingRecords(_ folder: String) throws(InputError) -> CacheManifest {
    var found = shards
    var layout: RowLayout?
    if let shard = found.first { layout = try self.layout(of: shard, folder) }
    let listed = Set(found.map(\.rowStart))
    for index in indices(ofRecords: try Folder.fileNames(folder)) where !listed.contains(index * shardSize) {
      // A bad record is none: the shard's next writer makes it anew.
      guard let shard = try? readRecord(index, layout: layout, folder) else { continue }
      found.append(shard)
      if layout == nil { layout = try self.layout(of: shard, folder) }
    }
    guard found.count > shards.count else { return self }
    var manifest = self
    manifest.setShards(found)
    return manifest
  }

  /// Looks at a folder whose manifest may be replaced, and records removed, meanwhile: looks again until the manifest
  /// before and after is the same.
  package static func settled<Result>(
    _ folder: String, _ look: (CacheManifest) throws(InputError) -> Result
  ) throws(InputError) -> Result {
    var manifest = try read(file: folder + "/" + fileName)
    while true {
      let result = try look(manifest)
      let now = try read(file: folder + "/" + fileName)
      if now == manifest { return result }
      manifest = now
    }
  }
}
