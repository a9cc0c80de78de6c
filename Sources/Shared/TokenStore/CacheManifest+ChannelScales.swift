import Files

extension CacheManifest {
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
