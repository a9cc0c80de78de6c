import Files

/// Compares shards with what a valid manifest says of them, without reading their rows.
struct ShardChecker {
  private let folder: String
  private let manifest: CacheManifest
  private let layout: RowLayout
  /// The text of the configuration that is known to be the manifest's: equal in all shards of a cache, and long.
  private var knownConfigurationJSON: String?

  init(_ folder: String, manifest: CacheManifest, layout: RowLayout) {
    self.folder = folder
    self.manifest = manifest
    self.layout = layout
  }

  /// Throws where the file is missing, of another size, no valid shard, or not the shard that the manifest describes.
  mutating func check(_ shard: CacheManifest.Shard) throws(InputError) {
    let path = folder + "/" + shard.name
    guard Folder.contains(path) else {
      throw InputError(
        path, "is missing: it holds the \(shard.rowCount) rows from \(shard.rowStart) on",
        remedy: "fetch it again, or run the same extraction again")
    }
    let byteCount = try Descriptor(path, .read).size()
    guard byteCount == shard.byteCount else {
      throw InputError(
        path, "has \(byteCount) bytes instead of \(shard.byteCount)",
        remedy: "fetch it again, or run the same extraction again")
    }
    let skeleton = try HDF5.readSkeleton(of: path)
    try layout.requireFits(
      skeleton.placements, rowCount: shard.rowCount, fileByteCount: byteCount, path)
    guard skeleton.placements == shard.datasets else {
      throw InputError(path, "its datasets are not where \(CacheManifest.fileName) says")
    }
    try check(skeleton.attributes, of: shard, path)
    try layout.requireScales(of: skeleton, path)
  }

  private mutating func check(
    _ attributes: ShardAttributes, of shard: CacheManifest.Shard, _ path: String
  ) throws(InputError) {
    guard attributes.schema == CacheManifest.schemaName,
      attributes.schemaVersion == CacheManifest.currentVersion
    else {
      throw InputError(path, "is of the schema '\(attributes.schema)', version \(attributes.schemaVersion)")
    }
    guard attributes.rowStart == shard.rowStart, attributes.shardIndex == shard.rowStart / manifest.shardSize
    else {
      throw InputError(
        path, "says that it is shard \(attributes.shardIndex), from row \(attributes.rowStart) on")
    }
    guard attributes.configurationJSON != knownConfigurationJSON else { return }
    let configuration = try CanonicalJSON.decode(
      CacheConfiguration.self, from: attributes.configurationJSON.utf8, subject: "\(path), config_json")
    guard configuration == manifest.configuration else {
      let differences = configuration.differences(from: manifest.configuration).prefix(8)
      throw InputError(
        path,
        "was made for other settings than \(CacheManifest.fileName) says: "
          + differences.joined(separator: "; "))
    }
    knownConfigurationJSON = attributes.configurationJSON
  }
}
