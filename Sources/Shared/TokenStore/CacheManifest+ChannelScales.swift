import Files

extension CacheManifest {
  /// Makes the folder of a cache and writes its settings there, where no process has done so before.
  public static func begin(
    _ configuration: CacheConfiguration, rowCount: Int, shardSize: Int, in folder: String
  ) throws(InputError) {
    try Folder.create(folder)
    try CacheManifest(configuration: configuration, rowCount: rowCount, shardSize: shardSize)
      .writeIfMissing(folder)
  }

  /// The channel scales that an earlier run, or another process, has settled on for a cache in the making.
  ///
  /// - Parameter configuration: of this run, still without channel scales.
  /// - Returns: [blocks, D]; nil where the folder holds no manifest yet.
  /// - Throws: where the folder holds a cache that was made for other settings.
  public static func channelScales(
    in folder: String, for configuration: CacheConfiguration
  ) throws(InputError) -> [[Float]]? {
    guard Folder.contains(folder + "/" + fileName) else { return nil }
    var other = try read(folder).configuration
    let scales = other.precision.channelScales
    other.precision.channelScales = configuration.precision.channelScales
    try requireSameSettings(configuration.differences(from: other), folder)
    return scales
  }
}
