import Compute
import Files
import Synchronization

/// Writes a cache, or goes on where an earlier run stopped.
///
/// ```
/// let writer = try CacheWriter(folder: path, configuration: configuration, rows: rows, shardSize: 1024)
/// for index in writer.shareShards {
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
///
/// Many processes on many machines can write one cache, each its ``ShardShare``. They share nothing but the folder, and
/// need no locks: the manifest is written once with the settings and once when all is there, each finished shard has a
/// record of its own, and what two processes may both write is the same bytes, put in place by renaming.
public final class CacheWriter: Sendable {
  public let folder: String
  public let configuration: CacheConfiguration
  public let rows: [RowIdentity]
  public let shardSize: Int
  /// What this process makes of the cache.
  public let share: ShardShare
  public let layout: RowLayout
  let parallel: Parallel
  /// The manifest as it is before any shard is finished.
  let planned: CacheManifest
  private let configurationJSON: String
  private let state: Mutex<State>

  private struct State {
    /// By index, of the whole cache: as of the last look, and what this process has finished since.
    var shards: [Int: CacheManifest.Shard]
    var notices: [String] = []
  }

  /// Makes the folder, or opens the one of an earlier run after checking that it was made for the same settings;
  /// checks that the disk has room for what is still missing.
  public init(
    folder: String, configuration: CacheConfiguration, rows: [RowIdentity], shardSize: Int,
    share: ShardShare = .whole, parallel: Parallel = Parallel()
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
    self.share = share
    self.parallel = parallel
    layout = RowLayout(configuration: configuration, idByteCount: try longestID(of: rows))
    configurationJSON = try CanonicalJSON.text(configuration)
    try Folder.create(folder)
    planned = CacheManifest(configuration: configuration, rowCount: rows.count, shardSize: shardSize)
    try planned.writeIfMissing(folder)
    let survey = try CacheSurvey.of(folder, planned, layout)
    let ownNotices = survey.notices.filter { [share] in share.contains(shard: $0.shard) }
    state = Mutex(State(shards: survey.shards, notices: ownNotices.map(\.text)))
    try Folder.requireFreeSpace(missingByteCount(), in: folder)
  }

  public var shardCount: Int { planned.plannedShardCount }

  /// The rows of a shard, counted over the whole cache.
  public func rows(ofShard index: Int) -> Range<Int> {
    precondition(index >= 0 && index < shardCount, "shard \(index) of \(shardCount) does not exist")
    return planned.rows(ofShard: index)
  }

  /// The shards of this process's share.
  public var shareShards: StrideTo<Int> { stride(from: share.rank, to: shardCount, by: share.worldSize) }
  /// The rows of this process's share.
  public var shareRowCount: Int { shareShards.reduce(0) { $0 + rows(ofShard: $1).count } }
  /// The finished shards of this process's share, in row order.
  public var finishedShards: [CacheManifest.Shard] {
    state.withLock { state in shareShards.compactMap { state.shards[$0] } }
  }
  /// The rows in finished shards of this process's share.
  public var finishedRowCount: Int { finishedShards.reduce(0) { $0 + $1.rowCount } }
  /// The shards of the whole cache that were not finished when this process last looked.
  public var missingShardCount: Int { shardCount - state.withLock { $0.shards.count } }

  /// What was found wrong with an earlier run's files and is being made again: one line each.
  public var notices: [String] { state.withLock { $0.notices } }

  /// Prepares a shard of this process's share for its rows, continuing what an earlier run left of it.
  ///
  /// - Returns: nil where the shard is finished.
  /// - Throws: where another process is writing it, as far as the file system has locks, or the disk is full.
  public func openShard(_ index: Int) throws -> ShardWriter? {
    precondition(share.contains(shard: index), "shard \(index) is not of rank \(share.rank)'s share")
    let rowRange = rows(ofShard: index)
    guard !isFinished(index) else { return nil }
    let path = path(ofShard: index)
    var file = try lockPartialShard(path)
    let template = try SkeletonTemplate(
      scratch: AtomicFile.temporaryPath(for: path + CacheWriter.skeletonSuffix), layout: layout,
      rowCount: rowRange.count,
      attributes: ShardAttributes(
        configurationJSON: configurationJSON, shardIndex: index, rowStart: rowRange.lowerBound))
    if Folder.contains(path), try adopt(index, template) {
      Folder.remove(file.path)
      return nil
    }
    // A record of what is made again must not pass for one of its successor.
    Folder.remove(folder + "/" + CacheManifest.recordName(index))
    if try !template.matches(file) {
      if try file.size() > 0 {
        notice("\(file.path) is not of this extraction, or is damaged; it is made anew")
      }
      // By renaming: another process may have the old file mapped, and reading what has been cut off would end it.
      try AtomicFile.write(to: file.path, template.write)
      file = try lockPartialShard(path)
    }
    return try ShardWriter(self, index, file, template)
  }

  /// Writes attention-stats.json, README.md and the complete manifest, once all shards are finished.
  ///
  /// - Throws: where shards are missing.
  public func finish() throws -> CacheManifest {
    guard let manifest = try finishShare() else { throw incompleteError() }
    return manifest
  }

  /// As ``finish()``, once this process's share is finished.
  ///
  /// - Returns: nil where shards of other shares are missing: whoever finishes the last one completes the cache.
  public func finishShare() throws -> CacheManifest? {
    let survey = try lookAgain()
    guard shareShards.allSatisfy({ survey.shards[$0] != nil }) else { throw incompleteError() }
    guard survey.shards.count == shardCount else { return nil }
    do {
      return try CacheCompletion(self, survey).run()
    } catch {
      // Another process may have done the same meanwhile and cleaned up, files of this one in the making included.
      let survey = try lookAgain()
      guard survey.shards.count == shardCount, CacheCompletion(self, survey).isDone else { throw error }
      return survey.manifest
    }
  }
}

// MARK: - Shards

extension CacheWriter {
  func path(ofShard index: Int) -> String { folder + "/" + CacheManifest.shardName(index) }

  /// What a skeleton's file is called after the shard's name, as long as libhdf5 works on it.
  static let skeletonSuffix = ".skeleton"

  private func isFinished(_ index: Int) -> Bool { state.withLock { $0.shards[index] != nil } }

  /// Looks at what all processes have finished by now.
  private func lookAgain() throws(InputError) -> CacheSurvey {
    let survey = try CacheSurvey.of(folder, planned, layout)
    state.withLock { $0.shards = survey.shards }
    return survey
  }

  private func incompleteError() -> InputError {
    var manifest = planned
    manifest.setShards(Array(state.withLock { $0.shards }.values))
    return manifest.incompleteError(folder)
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

  /// Records a finished shard that has no record, as after a kill between its renaming and its recording, if every byte
  /// of it is as this run would write it.
  ///
  /// - Returns: false where it is damaged and must be made again.
  private func adopt(_ index: Int, _ template: SkeletonTemplate) throws -> Bool {
    let path = path(ofShard: index)
    if try template.matches(try Descriptor(path, .read)) {
      let shard = try MappedShard(
        path, layout: layout, rowCount: rows(ofShard: index).count, placements: template.skeleton.placements)
      let rows = rows[rows(ofShard: index)]
      if hasIdentities(shard, rows), try shard.damagedRows(parallel).isEmpty {
        try register(
          index, template.skeleton, undecodableRowCount: shard.undecodableRowCount,
          sha256: try SHA256.hexadecimal(ofFile: path))
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

  /// Records a finished shard, for this process and all others.
  func register(
    _ index: Int, _ skeleton: ShardSkeleton, undecodableRowCount: Int, sha256: String
  ) throws(InputError) {
    let rowRange = rows(ofShard: index)
    let shard = CacheManifest.Shard(
      name: CacheManifest.shardName(index), byteCount: skeleton.byteCount, rowStart: rowRange.lowerBound,
      rowCount: rowRange.count, undecodableRowCount: undecodableRowCount, sha256: sha256,
      datasets: skeleton.placements)
    try planned.writeRecord(of: shard, folder)
    state.withLock { $0.shards[index] = shard }
  }

  /// About the bytes that the unfinished shards, of all shares, will add to the disk.
  package func missingByteCount() -> Int {
    let metadata = 2 * configurationJSON.utf8.count + (layout.datasets.count + 16) * HDF5.alignment
    var count = 0
    for index in 0..<shardCount where !isFinished(index) && !canBeAdopted(index) {
      // Absent, or renamed by another process just now.
      let present = (try? Descriptor(path(ofShard: index) + ".partial", .read).allocatedByteCount()) ?? 0
      count += max(0, rows(ofShard: index).count * layout.rowByteCount + metadata - present)
    }
    return count
  }

  /// Whether a shard is there that only lacks its record, as far as can be told without reading its rows. One that is
  /// damaged is no room gained: it stays until its successor is whole.
  private func canBeAdopted(_ index: Int) -> Bool {
    let path = path(ofShard: index)
    guard Folder.contains(path), let skeleton = try? HDF5.readSkeleton(of: path) else { return false }
    let fits: Void? = try? layout.requireFits(
      skeleton.placements, rowCount: rows(ofShard: index).count, fileByteCount: skeleton.byteCount, path)
    return fits != nil
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
