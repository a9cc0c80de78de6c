/// Rows of text under column titles; written as aligned text, CSV, Markdown or HTML.
public struct Table: Sendable, Equatable {
  public struct Column: Sendable, Equatable {
    public let title: String
    /// Aligned right, so that digits of equal weight stand below each other.
    public let isNumeric: Bool

    public static func text(_ title: String) -> Column { Column(title: title, isNumeric: false) }
    public static func number(_ title: String) -> Column { Column(title: title, isNumeric: true) }
  }

  public let columns: [Column]
  public private(set) var rows: [[String]] = []

  public init(_ columns: [Column]) {
    precondition(!columns.isEmpty, "a table needs a column")
    self.columns = columns
  }

  /// Adds a row with one cell for each column.
  public mutating func append(_ row: [String]) {
    precondition(
      row.count == columns.count, "a row of \(row.count) cells in a table of \(columns.count) columns")
    rows.append(row)
  }

  /// Aligned columns under a rule, for a terminal; ends with a line end.
  public var text: String {
    var lines = lines
    lines.insert(columnWidths.map { String(repeating: "-", count: $0) }.joined(separator: "  "), at: 1)
    return lines.map { $0 + "\n" }.joined()
  }

  /// The titles and the rows in aligned columns.
  package var lines: [String] {
    let widths = columnWidths
    return printableCells.map { row in
      var line = columns.indices.map { pad(row[$0], to: widths[$0], right: columns[$0].isNumeric) }
        .joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  private var printableCells: [[String]] { ([columns.map(\.title)] + rows).map { $0.map(\.printable) } }

  private var columnWidths: [Int] {
    let cells = printableCells
    return columns.indices.map { column in cells.map { $0[column].columnCount }.max()! }
  }

  private func pad(_ cell: String, to width: Int, right: Bool) -> String {
    let space = String(repeating: " ", count: width - cell.columnCount)
    return right ? space + cell : cell + space
  }

  /// Comma-separated values with the titles as the first line.
  public var csv: String {
    CSV.line(columns.map(\.title)) + rows.map { CSV.line($0) }.joined()
  }

  /// A table as GitHub and most others take Markdown; ends with a line end.
  public var markdown: String {
    let rules = columns.map { $0.isNumeric ? "---:" : "---" }
    return ([columns.map { Self.markdown($0.title) }, rules] + rows.map { $0.map(Self.markdown) })
      .map { "| " + $0.joined(separator: " | ") + " |\n" }.joined()
  }

  /// Text in which nothing is markup: names of classes and folders may hold anything.
  private static func markdown(_ text: String) -> String {
    text.printable.reduce(into: "") { escaped, character in
      if "\\|*_`<>[]#&~".contains(character) { escaped.append("\\") }
      escaped.append(character)
    }
  }
}
