/// What a person sees of a program's output: a terminal that knows `\r`, `\n`, and of the escape sequences `ESC[nA`, `ESC[K`
/// and `ESC[J`; anything else is shown as it is. Lines that do not fit are wrapped, and wrapped anew when the terminal is
/// resized, as most terminals do it.
public struct Screen {
  private struct Row {
    /// A wide character has an empty cell behind its own.
    var cells: [String] = []
    /// Whether the row goes on in the next one.
    var isWrapped = false
  }

  private var columns: Int
  private var height: Int
  /// With all that has been scrolled away.
  private var rows = [Row()]
  private var cursor = (row: 0, column: 0)

  public init(columns: Int, rows: Int) { (self.columns, height) = (columns, rows) }

  /// All rows, those that have been scrolled away, too; without white space and empty rows at their ends.
  public var lines: [String] {
    var lines = rows.map { row in
      var text = row.cells.joined()
      while text.last == " " { text.removeLast() }
      return text
    }
    while lines.last == "" { lines.removeLast() }
    return lines
  }

  public mutating func show(_ text: String) {
    // Line ends are no characters of their own where a carriage return precedes them.
    var rest = text.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\r": cursor.column = 0
      case "\n": moveDown()
      case "\u{1B}" where rest.first == "[":
        let parameter = rest.dropFirst().prefix { ("0"..."9").contains($0) }
        rest = rest.dropFirst(1 + parameter.count)
        obey(rest.popFirst(), Int(String(parameter)))
      default: put(scalar)
      }
    }
  }

  public mutating func resize(columns: Int, rows height: Int) {
    var wrapped = [Row()]
    var place = (row: 0, column: 0)
    for (number, row) in rows.enumerated() {
      if number == cursor.row {
        let column = wrapped[wrapped.count - 1].cells.count + cursor.column
        place = (wrapped.count - 1 + column / columns, column % columns)
      }
      for cell in row.cells {
        if wrapped[wrapped.count - 1].cells.count == columns {
          wrapped[wrapped.count - 1].isWrapped = true
          wrapped.append(Row())
        }
        wrapped[wrapped.count - 1].cells.append(cell)
      }
      if !row.isWrapped, number + 1 < rows.count { wrapped.append(Row()) }
    }
    while wrapped.count <= place.row { wrapped.append(Row()) }
    (rows, cursor, self.columns, self.height) = (wrapped, place, columns, height)
  }

  private mutating func obey(_ command: Unicode.Scalar?, _ count: Int?) {
    switch command {
    // Not beyond the top of the screen.
    case "A": cursor.row = max(cursor.row - (count ?? 1), max(0, rows.count - height))
    case "K": clearRow()
    case "J":
      clearRow()
      for row in rows.indices where row > cursor.row { rows[row] = Row() }
    default: put("\u{FFFD}")
    }
  }

  private mutating func clearRow() {
    rows[cursor.row].isWrapped = false
    rows[cursor.row].cells.removeSubrange(min(cursor.column, rows[cursor.row].cells.count)...)
  }

  /// With the carriage return that the system puts before a line feed.
  private mutating func moveDown() {
    cursor = (cursor.row + 1, 0)
    if cursor.row == rows.count { rows.append(Row()) }
  }

  private mutating func put(_ scalar: Unicode.Scalar) {
    let width = Self.width(of: scalar)
    if width == 0 {
      rows[cursor.row].cells[cursor.column - 1].unicodeScalars.append(scalar)
      return
    }
    if cursor.column + width > columns {
      rows[cursor.row].isWrapped = true
      moveDown()
    }
    while rows[cursor.row].cells.count < cursor.column + width { rows[cursor.row].cells.append(" ") }
    rows[cursor.row].cells[cursor.column] = String(scalar)
    for column in cursor.column + 1..<cursor.column + width { rows[cursor.row].cells[column] = "" }
    cursor.column += width
  }

  /// Of the characters that tests show.
  private static func width(of scalar: Unicode.Scalar) -> Int {
    switch scalar.value {
    case 0x300...0x36F: 0
    case 0x3000...0x9FFF, 0x1F300...0x1FAFF: 2
    default: 1
    }
  }
}
