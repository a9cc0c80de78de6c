import Files
import TokenStore

/// Whether two caches may meet in one head.
public enum CacheCompatibility {
  /// - Throws: where the caches were made by different encoders, from differently prepared images, or with other
  ///   classes; the error names every setting that differs. The images, and how tokens are stored, may differ.
  public static func check(_ first: TokenCache, _ second: TokenCache) throws(InputError) {
    for cache in [first, second] { try LabelledTokens.requireTokens(cache) }
    var other = second.configuration
    let own = first.configuration
    other.dataset.split = own.dataset.split
    other.dataset.imageCount = own.dataset.imageCount
    other.dataset.listingSHA256 = own.dataset.listingSHA256
    other.precision = own.precision
    // Heads see the last stored block alone.
    if other.blocks.last == own.blocks.last { other.blocks = own.blocks }
    other.augmentation = own.augmentation
    other.programVersion = own.programVersion
    // A renamed file with the same bytes is the same checkpoint.
    other.checkpoint.fileName = own.checkpoint.fileName
    let differences = other.differences(from: own)
    guard differences.isEmpty else {
      throw InputError(
        second.path, "does not go with \(first.path): \(differences.joined(separator: "; "))",
        remedy: "extract both with the same checkpoint and the same settings")
    }
  }
}
