import Files
import TokenStore

/// The statistics of one cache among several that are looked at together.
package struct CacheStatistics: Sendable {
  /// What the cache is called there.
  package let name: String
  package let summary: AttentionStatisticsSummary
  package let manifest: CacheManifest

  package init(name: String, summary: AttentionStatisticsSummary, manifest: CacheManifest) {
    (self.name, self.summary, self.manifest) = (name, summary, manifest)
  }

  /// Reads complete caches.
  ///
  /// - Parameters:
  ///   - paths: of their folders.
  ///   - names: what they are called, one each; empty for the names of their folders, with as many folders above as tell them
  ///     apart.
  package static func read(_ paths: [String], names: [String]) throws(InputError) -> [CacheStatistics] {
    let names = names.isEmpty ? Folder.shortNames(paths) : names
    precondition(names.count == paths.count, "\(names.count) names for \(paths.count) caches")
    var caches: [CacheStatistics] = []
    for (path, name) in zip(paths, names) { caches.append(try read(path, name: name)) }
    return caches
  }

  private static func read(_ path: String, name: String) throws(InputError) -> CacheStatistics {
    let manifest = try CacheManifest.read(path)
    guard manifest.state == .complete else { throw manifest.incompleteError(path) }
    let summary = try AttentionStatisticsSummary.read(path)
    let model = manifest.configuration.model
    guard summary.blocks.map(\.block) == Array(0..<model.depth),
      summary.blocks.allSatisfy({ block in
        block.statistics.values.allSatisfy { ($0.headMeans?.count ?? model.headCount) == model.headCount }
      })
    else {
      throw InputError(
        path + "/" + AttentionStatisticsSummary.fileName,
        "is not of the manifest's \(model.depth) blocks of \(model.headCount) heads",
        remedy: "see `extract verify`")
    }
    return CacheStatistics(name: name, summary: summary, manifest: manifest)
  }
}

extension AttentionStatisticsSummary {
  /// Of each block; nil where the model has no such value.
  func statistics(_ name: String) -> [Statistic?] {
    blocks.map { block in block.statistics[name].flatMap { $0.mean == nil ? nil : $0 } }
  }

  func has(_ name: String) -> Bool { statistics(name).contains { $0 != nil } }
}
