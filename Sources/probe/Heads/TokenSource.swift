import Compute

/// Where a head finds the tokens of an image: a cache mapped into memory, or features pooled from one before.
public protocol TokenSource: Sendable {
  /// T, prefix tokens and patches.
  var tokenCount: Int { get }
  /// D
  var width: Int { get }
  /// - Returns: [T, D], valid as long as the source.
  func tokens(row: Int) -> StoredTokens
}

/// How the tokens of an image are laid out: prefix tokens ([cls] first), then the patches row by row.
public struct TokenLayout: Codable, Equatable, Sendable {
  public let prefixTokenCount: Int
  public let hasClassToken: Bool
  public let gridHeight: Int
  public let gridWidth: Int
  /// D
  public let width: Int

  public init(prefixTokenCount: Int, hasClassToken: Bool, gridHeight: Int, gridWidth: Int, width: Int) {
    precondition(
      !hasClassToken || prefixTokenCount > 0,
      "a [cls] token is a prefix token, yet there are \(prefixTokenCount)")
    self.prefixTokenCount = prefixTokenCount
    self.hasClassToken = hasClassToken
    self.gridHeight = gridHeight
    self.gridWidth = gridWidth
    self.width = width
  }

  /// P
  public var patchCount: Int { gridHeight * gridWidth }
  /// T
  public var tokenCount: Int { prefixTokenCount + patchCount }
}

/// One feature vector an image, in single precision: a source of one token.
public final class FeatureMatrix: TokenSource {
  public let tokenCount = 1
  public let width: Int
  /// [N, D]
  public let values: SharedBuffer<Float>

  public init(rowCount: Int, width: Int) {
    self.width = width
    values = SharedBuffer(count: rowCount * width)
  }

  public func tokens(row: Int) -> StoredTokens {
    precondition(row >= 0 && (row + 1) * width <= values.count, "row \(row) is not one of the matrix")
    return StoredTokens(.float32, values.pointer + row * width, tokenCount: 1, width: width)
  }
}
