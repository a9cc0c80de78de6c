extension Table {
  func html(caption: String) -> String {
    func row(_ tag: String, _ cells: [String]) -> String {
      let cells = zip(columns, cells).map { column, cell in
        let scope = tag == "th" ? " scope=\"col\"" : ""
        // The names of columns are the longest words: lines may end at their underscores.
        let text = cell.escapedForMarkup.replacing("_", with: tag == "th" ? "_<wbr>" : "_")
        // Of what a column has room for, no line is broken.
        let style = column.isNumeric ? "number" : cell.count <= 32 ? "short" : nil
        return "<\(tag)\(scope)\(style.map { " class=\"\($0)\"" } ?? "")>\(text)</\(tag)>"
      }
      return "<tr>\(cells.joined())</tr>"
    }
    let lines = [
      // What scrolls must be reached by the keyboard.
      "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"\(caption.escapedForMarkup)\">",
      "<table><caption>\(caption.escapedForMarkup)</caption>",
      "<thead>\(row("th", columns.map(\.title)))</thead>",
      "<tbody>\(rows.map { row("td", $0) }.joined(separator: "\n"))</tbody></table></div>",
    ]
    return lines.joined(separator: "\n")
  }
}
