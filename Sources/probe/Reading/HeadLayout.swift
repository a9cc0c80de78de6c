import Files
import Heads
import TokenStore

/// What a head was trained to take and to tell apart.
public struct HeadLayout: Codable, Equatable, Sendable {
  public var tokens: TokenLayout
  public var classNames: [String]
  /// The second encoder whose features stand behind the first's; nil for none.
  public var beside: Beside?

  public struct Beside: Codable, Equatable, Sendable {
    public var tokens: TokenLayout
    public var encoder: EncoderSettings

    /// As of caches.
    public init(_ caches: CacheSet) { (tokens, encoder) = (caches.layout, caches.encoder) }
  }

  public init(tokens: TokenLayout, classNames: [String], beside: Beside? = nil) {
    self.tokens = tokens
    self.classNames = classNames
    self.beside = beside
  }

  /// - Throws: where the numbers, which come from a file, are none of a real encoder.
  package func validate(file: String) throws(InputError) {
    let areReal = ([tokens] + (beside.map { [$0.tokens] } ?? [])).allSatisfy { tokens in
      let sizes = [tokens.width, tokens.gridHeight, tokens.gridWidth]
      return sizes.allSatisfy((1...65536).contains) && tokens.patchCount <= 16384
        && (0...1024).contains(tokens.prefixTokenCount)
        && (tokens.prefixTokenCount > 0 || !tokens.hasClassToken)
    }
    guard areReal, !classNames.isEmpty
    else { throw InputError(file, "holds a layout of tokens and classes that no encoder has") }
  }

  enum CodingKeys: String, CodingKey {
    case tokens, beside
    case classNames = "class_names"
  }
}

extension TokenLayout {
  /// The layout of a cache's tokens.
  public init(_ cache: TokenCache) {
    let model = cache.configuration.model
    self.init(
      prefixTokenCount: model.prefixTokenCount, hasClassToken: model.hasClassToken,
      gridHeight: model.gridHeight, gridWidth: model.gridWidth, width: model.width)
  }
}
