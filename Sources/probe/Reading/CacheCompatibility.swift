import Files
import Heads
import TokenStore

/// What caches must be to go with others, or with a head: made by the encoder whose tokens the head learns from, from
/// equally prepared images. The images, and how tokens are stored, may differ.
public struct CacheCompatibility: Sendable {
  /// nil where an older run has recorded nothing but the checkpoint.
  private let encoder: EncoderSettings?
  private let checkpointSHA256: String
  private let layout: TokenLayout

  /// - Parameters:
  ///   - encoder: nil where an older run has not recorded it.
  ///   - checkpointSHA256: what it has recorded instead.
  public init(encoder: EncoderSettings?, checkpointSHA256: String, layout: TokenLayout) {
    self.encoder = encoder
    self.checkpointSHA256 = checkpointSHA256
    self.layout = layout
  }

  init(encoder: EncoderSettings, layout: TokenLayout) {
    self.init(encoder: encoder, checkpointSHA256: encoder.checkpoint.sha256, layout: layout)
  }

  /// As caches to train on are.
  public init(_ caches: CacheSet) { self.init(encoder: caches.encoder, layout: caches.layout) }

  /// - Parameter other: what the caches are to go with, for people.
  /// - Throws: where they were made otherwise; the error names every setting that differs.
  public func check(_ caches: CacheSet, with other: String) throws(InputError) {
    try check(caches.encoder, caches.layout, of: caches.name, with: other)
  }

  func check(
    _ encoder: EncoderSettings, _ layout: TokenLayout, of path: String, with other: String
  ) throws(InputError) {
    var differences: [String] = []
    if let expected = self.encoder {
      differences += encoder.differences(from: expected)
    } else {
      let name = "checkpoint.sha256"
      differences += settingDifferences([name: encoder.checkpoint.sha256], from: [name: checkpointSHA256])
    }
    // Other sizes follow from another model, and are told already.
    if differences.isEmpty { differences += settingDifferences(layout, from: self.layout) }
    guard differences.isEmpty else {
      throw InputError(
        path, "does not go with \(other): \(differences.joined(separator: "; "))",
        remedy: "extract both with the same checkpoint and the same settings")
    }
  }
}
