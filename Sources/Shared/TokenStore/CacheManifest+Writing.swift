import Files

/// The manifest of a cache in the making.
extension CacheManifest {
  /// The manifest of a cache without any finished shard.
  init(configuration: CacheConfiguration, rowCount: Int, shardSize: Int) {
    self.init(
      schema: Self.schemaName, schemaVersion: Self.currentVersion, state: .partial,
      configuration: configuration,
      rowCount: rowCount, shardSize: shardSize, undecodableRowCount: 0, shards: [],
      attentionStatisticsSHA256: nil, manifestSHA256: "")
  }

  /// Writes this manifest into a folder that has none; leaves one that is there alone, whoever wrote it just now.
  func writeIfMissing(_ folder: String) throws(InputError) {
    let path = folder + "/" + Self.fileName
    if !Folder.contains(path) { _ = try AtomicFile.create(try encoded(), at: path) }
  }

  func differences(from other: CacheManifest) -> [String] {
    var differences = configuration.differences(from: other.configuration)
    if rowCount != other.rowCount {
      differences.append("the number of rows is \(rowCount), not \(other.rowCount)")
    }
    if shardSize != other.shardSize {
      differences.append("the number of rows of a shard is \(shardSize), not \(other.shardSize)")
    }
    return differences
  }

  /// Replaces the shards, in row order; the cache is partial until it is finished again.
  package mutating func setShards(_ shards: [Shard]) {
    self.shards = shards.sorted { $0.rowStart < $1.rowStart }
    undecodableRowCount = shards.reduce(0) { $0 + $1.undecodableRowCount }
    state = .partial
    attentionStatisticsSHA256 = nil
  }

  /// The error for a cache whose shards are not all finished.
  package func incompleteError(_ folder: String) -> InputError {
    let finished = Set(shards.map(\.rowStart))
    let missingCount = plannedShardCount - finished.count
    guard missingCount > 0 else {
      return InputError(
        folder, "is not complete: its statistics are missing",
        remedy: "run the same extraction again, which goes on where it stopped")
    }
    let missing = (0..<plannedShardCount).lazy.filter { !finished.contains($0 * shardSize) }
    let names =
      missing.prefix(3).map(Self.shardName).joined(separator: ", ") + (missingCount > 3 ? ", ..." : "")
    return InputError(
      folder, "is not complete: \(missingCount) of \(plannedShardCount) shards are missing (\(names))",
      remedy: "run the same extraction again, which goes on where it stopped")
  }
}

/// Throws the one error for a cache that was made for other settings, where there are differences.
func requireSameSettings(_ differences: [String], _ subject: String) throws(InputError) {
  guard !differences.isEmpty else { return }
  let shown = differences.prefix(8).joined(separator: "; ")
  let more = differences.count > 8 ? "; and \(differences.count - 8) more" : ""
  throw InputError(
    subject, "was made for other settings, which are never mixed: \(shown)\(more)",
    remedy: "choose another output folder, or the settings that it was made for")
}
