import Files

/// The end of a cache's making, when all of its shards are finished: the statistics, the data card and the complete
/// manifest, then the removal of what only the making needed.
///
/// All of it depends on the shards alone. Two processes that are here at once write the same bytes.
struct CacheCompletion {
  private let writer: CacheWriter
  private let survey: CacheSurvey
  private var folder: String { writer.folder }
  private var summaryPath: String { folder + "/" + AttentionStatisticsSummary.fileName }

  /// - Parameter survey: of a folder with all shards.
  init(_ writer: CacheWriter, _ survey: CacheSurvey) {
    self.writer = writer
    self.survey = survey
  }

  func run() throws -> CacheManifest {
    if !isDone { try write() }
    try removeLeftovers()
    return try CacheManifest.read(folder)
  }

  /// Whether all of it has been done: the folder's manifest is complete, and says of the shards and of the statistics
  /// what is there.
  var isDone: Bool {
    survey.manifest.state == .complete && survey.manifest.shards == manifest.shards
      && (try? SHA256.hexadecimal(ofFile: summaryPath)) == survey.manifest.attentionStatisticsSHA256
  }

  /// With all shards, and without what is made of them.
  private var manifest: CacheManifest {
    var manifest = writer.planned
    manifest.setShards(Array(survey.shards.values))
    return manifest
  }

  private func write() throws {
    var manifest = manifest
    let shards = try ShardSet(folder, manifest: manifest, layout: writer.layout)
    let summary = try AttentionStatisticsSummary(
      shards, model: writer.configuration.model, parallel: writer.parallel)
    try AtomicFile.write(try CanonicalJSON.page(summary), to: summaryPath)
    manifest.attentionStatisticsSHA256 = try SHA256.hexadecimal(ofFile: summaryPath)
    manifest.state = .complete
    try AtomicFile.write(DataCard.text(manifest), to: folder + "/" + DataCard.fileName)
    try manifest.write(folder)
  }

  /// Removes the records, which the manifest now holds, and what stopped runs can leave beside finished files.
  private func removeLeftovers() throws(InputError) {
    let shards = (0..<writer.shardCount).map(CacheManifest.shardName)
    let records = Set((0..<writer.shardCount).map(CacheManifest.recordName))
    for name in try Folder.fileNames(folder) where records.contains(name) {
      Folder.remove(folder + "/" + name)
    }
    let targets = records.union(shards).union(shards.map { $0 + ".partial" })
      .union(shards.map { $0 + CacheWriter.skeletonSuffix })
      .union([CacheManifest.fileName, AttentionStatisticsSummary.fileName, DataCard.fileName])
    try AtomicFile.removeLeftovers(of: targets, in: folder)
  }
}
