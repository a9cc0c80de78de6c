import Compute
import Files

/// An image as features without trained parameters see it: its tokens, and attention to its patches.
struct FixedImage {
  /// Which attention rows, all of them over the patches.
  enum Attention {
    /// [H, P], from [cls].
    case ofClassToken
    /// [4, P], from the central 1, 2x2, 3x3 and 4x4 patches, mean over heads.
    case ofCenter
    /// [H', P], from the [cls] of another encoder that saw the same image.
    case ofOtherClassToken
  }

  let layout: TokenLayout
  let row: Int
  /// [T, D]
  let tokens: StoredTokens
  private let source: any TokenSource
  private let attentionSource: any TokenSource

  /// - Parameters:
  ///   - attentionSource: another encoder's tokens of the same rows, for its attention.
  ///   - norm: applied to the tokens of `range`, the only ones that are then looked at, in `scratch`, [T, D].
  init(
    _ source: any TokenSource, row: Int, attentionFrom attentionSource: any TokenSource, norm: TokenNorm?,
    range: Range<Int>, scratch: UnsafeMutablePointer<Float>
  ) {
    (self.source, self.row, self.attentionSource) = (source, row, attentionSource)
    layout = source.layout
    let stored = source.tokens(row: row)
    guard let norm else {
      tokens = stored
      return
    }
    _ = norm.normalize(stored[range], into: scratch + range.lowerBound * stored.width)
    tokens = StoredTokens(.float32, scratch, tokenCount: stored.tokenCount, width: stored.width)
  }

  /// [P, D]
  var patches: StoredTokens { tokens[layout.patchRange] }

  /// - Parameter features: what needs the rows, for the error.
  /// - Returns: [rows, P] in float16.
  /// - Throws: where there are none, or they are those of another grid.
  func attentionRows(
    _ attention: Attention, for features: HeadDescription.Features
  ) throws(InputError) -> UnsafeRawBufferPointer {
    let option = "--cls-features \(features.rawValue)"
    let attended = attention == .ofOtherClassToken ? attentionSource.layout : layout
    guard attended.gridHeight == layout.gridHeight, attended.gridWidth == layout.gridWidth else {
      throw InputError(
        option,
        "the attention is over a grid of \(attended.gridHeight)x\(attended.gridWidth) patches, the tokens are of "
          + "\(layout.gridHeight)x\(layout.gridWidth)",
        remedy: "extract the same images with an encoder of the same grid")
    }
    let rows =
      switch attention {
      case .ofClassToken: source.classAttention(row: row)
      case .ofCenter: source.centerAttention(row: row)
      case .ofOtherClassToken: attentionSource.classAttention(row: row)
      }
    guard let rows else {
      throw InputError(
        option,
        "needs attention rows; caches have those of the encoder's last block, and from [cls] where there is one",
        remedy: "use the last block, or features of tokens alone such as pos")
    }
    let rowByteCount = layout.patchCount * ElementType.float16.byteCount
    precondition(
      !rows.isEmpty && rows.count % rowByteCount == 0, "\(rows.count) bytes are no rows of \(rowByteCount)")
    return rows
  }
}

extension TokenLayout {
  /// The places of the patches among the tokens.
  var patchRange: Range<Int> { prefixTokenCount..<tokenCount }
}
