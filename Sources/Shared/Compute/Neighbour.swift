/// A row that is near to a query: ordered by similarity, and of equally similar ones the lower row first.
package struct Neighbour: BitwiseCopyable, Comparable {
  /// The bits of the similarity, made to grow with it, above the row's complement: one comparison orders both.
  private let key: UInt64

  package init(similarity: Float, row: Int) {
    // Zero has one sign here.
    let bits = (similarity == 0 ? 0 : similarity).bitPattern
    let ordered = bits ^ (bits >> 31 == 1 ? .max : 0x8000_0000)
    key = UInt64(ordered) << 32 | UInt64(~UInt32(row))
  }

  package var similarity: Float {
    let ordered = UInt32(key >> 32)
    return Float(bitPattern: ordered >> 31 == 1 ? ordered ^ 0x8000_0000 : ~ordered)
  }

  package var row: Int { Int(~UInt32(truncatingIfNeeded: key)) }

  /// Whether a neighbour comes after another.
  package static func < (a: Neighbour, b: Neighbour) -> Bool { a.key < b.key }
}
