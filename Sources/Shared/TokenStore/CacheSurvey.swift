import Files

/// What a folder holds of a cache in the making at one moment, whoever wrote it.
struct CacheSurvey {
  /// As it is in the folder: it need not list all of the finished shards.
  var manifest: CacheManifest
  /// The finished shards by index: those that have a record or an entry, and whose file is there as that says.
  var shards: [Int: CacheManifest.Shard] = [:]
  /// What was found wrong with the files of finished shards, which makes them unfinished.
  var notices: [(shard: Int, text: String)] = []

  /// - Parameters:
  ///   - planned: what the settings must be.
  ///   - layout: of the shards.
  /// - Throws: where the folder's manifest was made for other settings.
  static func of(
    _ folder: String, _ planned: CacheManifest, _ layout: RowLayout
  ) throws(InputError) -> CacheSurvey {
    try CacheManifest.settled(folder) { (manifest) throws(InputError) in
      try requireSameSettings(planned.differences(from: manifest), folder)
      var survey = CacheSurvey(manifest: manifest)
      try survey.look(folder, layout)
      return survey
    }
  }

  private mutating func look(_ folder: String, _ layout: RowLayout) throws(InputError) {
    let names = Set(try Folder.fileNames(folder))
    let entries = Dictionary(
      uniqueKeysWithValues: manifest.shards.map { ($0.rowStart / manifest.shardSize, $0) })
    for index in 0..<manifest.plannedShardCount {
      // A record is newer than an entry: it is of a shard that was lost and made again.
      var claims = entries[index].map { [$0] } ?? []
      if names.contains(CacheManifest.recordName(index)) {
        do throws(InputError) {
          if let shard = try manifest.readRecord(index, layout: layout, folder) {
            claims.insert(shard, at: 0)
          }
        } catch {
          notices.append((index, "\(error.subject) is no record to rely on: \(error.reason)"))
        }
      }
      if let shard = claims.first(where: { problem(of: $0, folder, layout) == nil }) {
        shards[index] = shard
      } else if let claim = claims.first, let problem = problem(of: claim, folder, layout) {
        notices.append((index, "\(folder)/\(claim.name) \(problem) and is made again"))
      }
    }
  }

  /// Why a shard is not there as it was finished; nil where it is.
  private func problem(
    of shard: CacheManifest.Shard, _ folder: String, _ layout: RowLayout
  ) -> String? {
    let path = folder + "/" + shard.name
    guard let byteCount = try? Descriptor(path, .read).size() else { return "is missing" }
    guard byteCount == shard.byteCount else {
      return "has not the \(shard.byteCount) bytes that it was finished with"
    }
    let fits: Void? = try? layout.requireFits(
      shard.datasets, rowCount: shard.rowCount, fileByteCount: byteCount, path)
    return fits == nil ? "is not laid out as this run has it" : nil
  }
}
