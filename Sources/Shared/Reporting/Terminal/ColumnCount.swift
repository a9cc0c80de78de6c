/// Text by the columns of a terminal that it takes, which are not its characters.
extension String {
  /// The columns of a line without control characters.
  package var columnCount: Int {
    if utf8.allSatisfy({ $0 < 0x80 }) { return utf8.count }
    return reduce(0) { $0 + $1.columnCount }
  }

  /// As much of the line as so many columns have room for.
  package func prefix(columns: Int) -> Substring {
    var rest = columns
    return prefix { character in
      rest -= character.columnCount
      return rest >= 0
    }
  }
}

extension Character {
  /// 2 where East Asian letters and pictures take twice the room, 0 for what only changes its neighbours.
  var columnCount: Int { unicodeScalars.lazy.map(\.columnCount).max() ?? 0 }
}

extension Unicode.Scalar {
  /// UAX #11, East Asian Width: W and F are wide. A variation selector makes a picture of what stands before it.
  fileprivate var columnCount: Int {
    if value < 0x300 { return 1 }
    if value == 0xFE0F || properties.isEmojiPresentation || Self.isWide(value) { return 2 }
    switch properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: return 1
    }
  }

  /// Blocks of wide letters, as far as they are not pictures. Within a block nothing is told apart.
  private static func isWide(_ value: UInt32) -> Bool {
    switch value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0xA4CF,
      0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
      0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1F200...0x1F2FF, 0x20000...0x3FFFD:
      return true
    default: return false
    }
  }
}
