import Compute
import Files
import Synchronization

/// Writes a cache, or goes on where an earlier run stopped.
///
/// ```
/// let writer = try CacheWriter(folder: path, configuration: configuration, rows: rows, shardSize: 1024)
/// for index in 0..<writer.shardCount {
///   guard let shard = try writer.openShard(index) else { continue }  // finished already
///   // on any thread, in any order:
///   for row in shard.remainingRows { try shard.write(row: row, buffer) }
///   try shard.finish()
/// }
/// let manifest = try writer.finish()
/// ```
///
/// The bytes of the cache depend on the configuration and the rows only, not on the number of threads, the order of
/// rows or how often a run was stopped.
public final class CacheWriter: Sendable {
  public let folder: String
  public let configuration: CacheConfiguration
  public let rows: [RowIdentity]
  public let shardSize: Int
  public let layout: RowLayout
  let parallel: Parallel
  private let configurationJSON: String
  private let state: Mutex<State>

  private struct State {
    var manifest: CacheManifest
    var notices: [String] = []
  }

  /// Makes the folder, or opens the one of an earlier run after checking that it was made for the same settings;
  /// checks that the disk has room for what is still missing.
  public init(
    folder: String, configuration: CacheConfiguration, rows: [RowIdentity], shardSize: Int,
    parallel: Parallel = Parallel()
  ) throws(InputError) {
    precondition(
      (1...CacheManifest.maximumShardSize).contains(shardSize),
      "a shard holds 1 to \(CacheManifest.maximumShardSize) rows, not \(shardSize)")
    precondition(
      configuration.dataset.listingSHA256 == RowIdentity.listingSHA256(of: rows),
      "the configuration's listing is not that of the \(rows.count) rows")
    guard !rows.isEmpty else { throw InputError(folder, "a cache of no images cannot be made") }
    try configuration.validate(folder)
    self.folder = folder
    self.configuration = configuration
    self.rows = rows
    self.shardSize = shardSize
    self.parallel = parallel
    layout = RowLayout(configuration: configuration, idByteCount: try longestID(of: rows))
    configurationJSON = try CanonicalJSON.text(configuration)
    try Folder.create(folder)
    let planned = CacheManifest(configuration: configuration, rowCount: rows.count, shardSize: shardSize)
    let opened = try Descriptor.withLockedFolder(folder) { () throws(InputError) in
      try planned.openOrWrite(in: folder)
    }
    state = Mutex(State(manifest: opened.manifest, notices: opened.notices))
    try Folder.requireFreeSpace(try missingByteCount(), in: folder)
  }

  public var shardCount: Int { (rows.count + shardSize - 1) / shardSize }

  /// The rows of a shard, counted over the whole cache.
  public func rows(ofShard index: Int) -> Range<Int> {
    precondition(index >= 0 && index < shardCount, "shard \(index) of \(shardCount) does not exist")
    return index * shardSize..<min(rows.count, (index + 1) * shardSize)
  }

  /// The rows in finished shards.
  public var finishedRowCount: Int {
    state.withLock { $0.manifest.shards.reduce(0) { $0 + $1.rowCount } }
  }

  /// What was found wrong with an earlier run's files and is being made again: one line each.
  public var notices: [String] { state.withLock { $0.notices } }

  /// Prepares a shard for its rows, continuing what an earlier run left of it. One process at a time can have a shard
  /// open; different shards can be written by different processes.
  ///
  /// - Returns: nil where the shard is finished.
  /// - Throws: where another process is writing it, or the disk is full.
  public func openShard(_ index: Int) throws -> ShardWriter? {
    let rowRange = rows(ofShard: index)
    guard !isFinished(index) else { return nil }
    let path = path(ofShard: index)
    let file = try lockPartialShard(path)
    let template = try SkeletonTemplate(
      scratch: path + ".skeleton", layout: layout, rowCount: rowRange.count,
      attributes: ShardAttributes(
        configurationJSON: configurationJSON, shardIndex: index, rowStart: rowRange.lowerBound))
    if Folder.contains(path), try adopt(index, template) {
      Folder.remove(file.path)
      return nil
    }
    return try ShardWriter(self, index, file, template)
  }

  /// Writes attention-stats.json, README.md and the complete manifest, once all shards are finished.
  ///
  /// - Parameter card: the text of README.md; by default the one of ``DataCard``.
  public func finish(card: String? = nil) throws -> CacheManifest {
    var manifest = try CacheManifest.read(folder)
    guard manifest.shards.count == shardCount else {
      throw manifest.incompleteError(folder)
    }
    let summaryPath = folder + "/" + AttentionStatisticsSummary.fileName
    if manifest.state == .complete, Folder.contains(summaryPath) { return manifest }
    let shards = try ShardSet(folder, manifest: manifest, layout: layout)
    let summary = try AttentionStatisticsSummary(shards, model: configuration.model, parallel: parallel)
    try AtomicFile.write(try CanonicalJSON.page(summary), to: summaryPath)
    manifest.attentionStatisticsSHA256 = try SHA256.hexadecimal(ofFile: summaryPath)
    manifest.state = .complete
    try AtomicFile.write(card ?? DataCard.text(manifest), to: folder + "/" + DataCard.fileName)
    try removeLeftovers()
    try manifest.write(folder)
    state.withLock { $0.manifest = manifest }
    return manifest
  }
}

// MARK: - Shards

extension CacheWriter {
  func path(ofShard index: Int) -> String { folder + "/" + CacheManifest.shardName(index) }

  private func isFinished(_ index: Int) -> Bool {
    state.withLock { $0.manifest.shards.contains { $0.rowStart == index * shardSize } }
  }

  func notice(_ text: String) { state.withLock { $0.notices.append(text) } }

  private func lockPartialShard(_ path: String) throws(InputError) -> Descriptor {
    while true {
      let file = try Descriptor(path + ".partial", .updateOrCreate)
      guard try file.tryLock() else {
        throw InputError(
          path + ".partial", "is being written by another process",
          remedy: "wait until that one is done, or stop it")
      }
      // Between opening and locking, its last owner may have finished and renamed it.
      if try file.isStillNamed() { return file }
    }
  }

  /// Enters a finished shard that is not in the manifest, as after a kill between its renaming and its entry, if every
  /// byte of it is as this run would write it.
  ///
  /// - Returns: false where it is damaged and must be made again.
  private func adopt(_ index: Int, _ template: SkeletonTemplate) throws -> Bool {
    let path = path(ofShard: index)
    if try template.matches(try Descriptor(path, .read)) {
      let shard = try MappedShard(
        path, layout: layout, rowCount: rows(ofShard: index).count, placements: template.skeleton.placements)
      let rows = rows[rows(ofShard: index)]
      if hasIdentities(shard, rows), try shard.damagedRows(parallel).isEmpty {
        try register(index, template.skeleton, undecodableRowCount: shard.undecodableRowCount)
        return true
      }
    } else if let skeleton = try? HDF5.readSkeleton(of: path),
      let other = try? CanonicalJSON.decode(
        CacheConfiguration.self, from: skeleton.attributes.configurationJSON.utf8, subject: path)
    {
      try requireSameSettings(configuration.differences(from: other), path)
    }
    notice("\(path) is damaged and is made again")
    return false
  }

  private func hasIdentities(_ shard: MappedShard, _ rows: ArraySlice<RowIdentity>) -> Bool {
    layout.identityColumns(of: rows).enumerated().allSatisfy { index, column in
      shard.column(dataset: layout.payload.count + index).elementsEqual(column)
    }
  }

  /// Enters a finished shard into the manifest, beside those that other processes may have entered meanwhile.
  func register(_ index: Int, _ skeleton: ShardSkeleton, undecodableRowCount: Int) throws(InputError) {
    let rowRange = rows(ofShard: index)
    let shard = CacheManifest.Shard(
      name: CacheManifest.shardName(index), byteCount: skeleton.byteCount, rowStart: rowRange.lowerBound,
      rowCount: rowRange.count, undecodableRowCount: undecodableRowCount,
      sha256: try SHA256.hexadecimal(ofFile: path(ofShard: index)), datasets: skeleton.placements)
    let manifest = try Descriptor.withLockedFolder(folder) { () throws(InputError) in
      var manifest = try CacheManifest.read(folder)
      manifest.setShards(manifest.shards.filter { $0.rowStart != shard.rowStart } + [shard])
      try manifest.write(folder)
      return manifest
    }
    state.withLock { $0.manifest = manifest }
  }

  /// Removes what stopped runs can leave beside finished shards.
  private func removeLeftovers() throws(InputError) {
    for name in try Folder.fileNames(folder) where name.hasPrefix("shard-") {
      if name.hasSuffix(".h5.partial") || name.hasSuffix(".h5.skeleton") {
        Folder.remove(folder + "/" + name)
      }
    }
  }

  /// About the bytes that the unfinished shards will add to the disk.
  private func missingByteCount() throws(InputError) -> Int {
    let metadata = 2 * configurationJSON.utf8.count + (layout.datasets.count + 16) * HDF5.alignment
    var count = 0
    for index in 0..<shardCount where !isFinished(index) {
      var present = 0
      for path in [path(ofShard: index), path(ofShard: index) + ".partial"] where Folder.contains(path) {
        present += try Descriptor(path, .read).allocatedByteCount()
      }
      count += max(0, rows(ofShard: index).count * layout.rowByteCount + metadata - present)
    }
    return count
  }
}

private func longestID(of rows: [RowIdentity]) throws(InputError) -> Int {
  var longest = 0
  for row in rows {
    let count = row.id.utf8.count
    guard count > 0, count <= RowLayout.maximumIDByteCount, !row.id.utf8.contains(0) else {
      throw InputError(
        row.id,
        "is no path that a cache can hold: 1 to \(RowLayout.maximumIDByteCount) bytes, none of them zero")
    }
    longest = max(longest, count)
  }
  return longest
}
