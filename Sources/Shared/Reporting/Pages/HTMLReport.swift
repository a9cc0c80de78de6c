import Files

/// One page that says what was done and what came out of it. Everything is inside: no script, no network.
public struct HTMLReport: Sendable {
  private let title: String
  private var body: [String] = []
  private var headings: [String] = []

  public init(title: String) { self.title = title }

  public mutating func append(heading: String) {
    headings.append(heading)
    body.append("<h2 id=\"section-\(headings.count)\">\(heading.escapedForMarkup)</h2>")
  }

  public mutating func append(paragraph: String) { body.append("<p>\(paragraph.escapedForMarkup)</p>") }

  /// Text whose line ends and spaces matter: commands, logs.
  public mutating func append(preformatted: String) { body.append(Self.block(preformatted)) }

  /// The like, folded away until a reader asks for it.
  ///
  /// - Parameter summary: what is inside.
  public mutating func append(folded preformatted: String, summary: String) {
    body.append(
      "<details><summary>\(summary.escapedForMarkup)</summary>\(Self.block(preformatted))</details>")
  }

  private static func block(_ text: String) -> String { "<pre tabindex=\"0\">\(text.escapedForMarkup)</pre>" }

  public mutating func append(_ table: Table, caption: String) {
    func row(_ tag: String, _ cells: [String]) -> String {
      let cells = zip(table.columns, cells).map { column, cell in
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
      "<thead>\(row("th", table.columns.map(\.title)))</thead>",
      "<tbody>\(table.rows.map { row("td", $0) }.joined(separator: "\n"))</tbody></table></div>",
    ]
    body.append(lines.joined(separator: "\n"))
  }

  public mutating func append(_ figure: any Figure, caption: String) {
    body.append(Self.element(figure, caption: caption))
  }

  /// Figures beside each other, where the page is wide enough.
  public mutating func append(_ figures: [(figure: any Figure, caption: String)]) {
    let elements = figures.map { Self.element($0.figure, caption: $0.caption) }
    body.append("<div class=\"figures\">\(elements.joined(separator: "\n"))</div>")
  }

  private static func element(_ figure: any Figure, caption: String) -> String {
    let caption = caption.isEmpty ? "" : "<figcaption>\(caption.escapedForMarkup)</figcaption>"
    return "<figure>\(figure.picture.svg)\(caption)</figure>"
  }

  public mutating func append(_ gallery: Gallery) { body.append(gallery.html) }

  /// How the numbers came about: programs, options, data, machine, each with its value.
  public mutating func append(provenance: [(name: String, value: String)]) {
    let items = provenance.map {
      "<dt>\($0.name.escapedForMarkup)</dt><dd>\($0.value.escapedForMarkup)</dd>"
    }
    body.append("<dl>\(items.joined(separator: "\n"))</dl>")
  }

  public var html: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>\(title.escapedForMarkup)</title>
    <style>\(FigureStyle.css)\(PageStyle.css)</style>
    </head>
    <body>
    <main>
    <h1>\(title.escapedForMarkup)</h1>
    \(contents)\(body.joined(separator: "\n"))
    </main>
    </body>
    </html>

    """
  }

  /// Links to the sections of a page that is too long to look over.
  private var contents: String {
    guard headings.count > 3 else { return "" }
    let links = headings.enumerated().map {
      "<a href=\"#section-\($0.offset + 1)\">\($0.element.escapedForMarkup)</a>"
    }
    return "<nav aria-label=\"Contents\">\(links.joined(separator: "\n"))</nav>\n"
  }

  public func write(to path: String) throws(InputError) { try AtomicFile.write(html, to: path) }
}
