import Compute

/// Where a head finds the tokens of an image: caches mapped into memory, or features pooled from them before.
public protocol TokenSource: Sendable {
  var layout: TokenLayout { get }
  /// - Returns: [T, D], valid as long as the source.
  func tokens(row: Int) -> StoredTokens
  /// The attention from [cls] to the patches, by head, of the block that the tokens are of.
  ///
  /// - Returns: [H, P] in float16; nil where there is none.
  func classAttention(row: Int) -> UnsafeRawBufferPointer?
  /// The attention from the central 1, 2x2, 3x3 and 4x4 patches to the patches, likewise, averaged over heads.
  ///
  /// - Returns: [4, P] in float16; nil where there is none.
  func centerAttention(row: Int) -> UnsafeRawBufferPointer?
}

extension TokenSource {
  /// T, prefix tokens and patches.
  public var tokenCount: Int { layout.tokenCount }
  /// D
  public var width: Int { layout.width }
  public func classAttention(row: Int) -> UnsafeRawBufferPointer? { nil }
  public func centerAttention(row: Int) -> UnsafeRawBufferPointer? { nil }
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

  /// The first of the tokens that a head looks at; it looks at all that follow.
  func firstToken(_ content: TokenContent) -> Int { content == .patch ? prefixTokenCount : 0 }
}
