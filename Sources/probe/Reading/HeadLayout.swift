import Files
import Heads
import TokenStore

/// What a head was trained to take and to tell apart.
public struct HeadLayout: Codable, Equatable, Sendable {
  public var tokens: TokenLayout
  public var classNames: [String]

  public init(tokens: TokenLayout, classNames: [String]) {
    self.tokens = tokens
    self.classNames = classNames
  }

  /// - Throws: where the numbers, which come from a file, are none of a real encoder.
  package func validate(file: String) throws(InputError) {
    let sizes = [tokens.width, tokens.gridHeight, tokens.gridWidth]
    guard sizes.allSatisfy((1...65536).contains), tokens.patchCount <= 16384,
      (0...1024).contains(tokens.prefixTokenCount),
      tokens.prefixTokenCount > 0 || !tokens.hasClassToken, !classNames.isEmpty
    else { throw InputError(file, "holds a layout of tokens and classes that no encoder has") }
  }

  enum CodingKeys: String, CodingKey {
    case tokens
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
