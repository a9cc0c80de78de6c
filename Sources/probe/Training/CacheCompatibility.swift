import Files
import TokenStore

/// What a cache must be to go with a head: made by the encoder whose tokens the head learns from, from equally prepared
/// images of the same classes. The images, and how tokens are stored, may differ.
public struct CacheCompatibility {
  private let layout: HeadLayout
  private let checkpointSHA256: String
  /// nil where an older run has not recorded them.
  private let encoder: EncoderSettings?

  /// As a cache to train on is.
  ///
  /// - Throws: where it holds no tokens.
  public init(_ cache: TokenCache) throws(InputError) {
    layout = HeadLayout(cache)
    checkpointSHA256 = cache.configuration.checkpoint.sha256
    encoder = try EncoderSettings(cache)
  }

  /// As the cache was that a finished run trained on.
  public init(_ summary: RunSummary) {
    layout = summary.layout
    checkpointSHA256 = summary.checkpointSHA256
    encoder = summary.encoderSettings
  }

  /// - Parameter other: what the cache is to go with, for people.
  /// - Throws: where the cache holds no tokens or was made otherwise; the error names every setting that differs.
  public func check(_ cache: TokenCache, with other: String) throws(InputError) {
    var layout = HeadLayout(cache)
    var differences: [String] = []
    if let encoder {
      differences += try EncoderSettings(cache).differences(from: encoder)
      // Other sizes follow from another model, and are told already.
      if !differences.isEmpty { layout.tokens = self.layout.tokens }
    } else {
      let name = "checkpoint.sha256"
      differences += settingDifferences(
        [name: cache.configuration.checkpoint.sha256], from: [name: checkpointSHA256])
    }
    differences += settingDifferences(layout, from: self.layout)
    guard differences.isEmpty else {
      throw InputError(
        cache.path, "does not go with \(other): \(differences.joined(separator: "; "))",
        remedy: "extract both with the same checkpoint and the same settings, from images of the same classes"
      )
    }
  }
}
