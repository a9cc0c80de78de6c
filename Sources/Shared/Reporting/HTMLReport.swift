import Files

/// One page that says what was done and what came out of it. Everything is inside: no script, no network.
public struct HTMLReport: Sendable {
  private let title: String
  private var body: [String] = []

  public init(title: String) { self.title = title }

  public mutating func append(heading: String) { body.append("<h2>\(heading.escapedForMarkup)</h2>") }

  public mutating func append(paragraph: String) { body.append("<p>\(paragraph.escapedForMarkup)</p>") }

  /// Text whose line ends and spaces matter: commands, logs.
  public mutating func append(preformatted: String) {
    body.append("<pre>\(preformatted.escapedForMarkup)</pre>")
  }

  public mutating func append(_ table: Table, caption: String) {
    func row(_ tag: String, _ cells: [String]) -> String {
      let cells = zip(table.columns, cells).map { column, cell in
        let scope = tag == "th" ? " scope=\"col\"" : ""
        return
          "<\(tag)\(scope)\(column.isNumeric ? " class=\"number\"" : "")>\(cell.escapedForMarkup)</\(tag)>"
      }
      return "<tr>\(cells.joined())</tr>"
    }
    let lines = [
      "<div class=\"wide\"><table><caption>\(caption.escapedForMarkup)</caption>",
      "<thead>\(row("th", table.columns.map(\.title)))</thead>",
      "<tbody>\(table.rows.map { row("td", $0) }.joined(separator: "\n"))</tbody></table></div>",
    ]
    body.append(lines.joined(separator: "\n"))
  }

  public mutating func append(_ figure: some Figure, caption: String) {
    body.append(
      "<figure class=\"wide\">\(figure.picture)<figcaption>\(caption.escapedForMarkup)</figcaption></figure>")
  }

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
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>\(title.escapedForMarkup)</title>
    <style>\(FigureStyle.css)\(Self.css)</style>
    </head>
    <body>
    <main>
    <h1>\(title.escapedForMarkup)</h1>
    \(body.joined(separator: "\n"))
    </main>
    </body>
    </html>

    """
  }

  public func write(to path: String) throws(InputError) { try AtomicFile.write(html, to: path) }

  private static let css = """
    body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,sans-serif}\
    main{max-width:760px;margin:0 auto;padding:24px 20px 64px}\
    h1{font-size:28px;line-height:1.2}h2{font-size:20px;margin-top:40px}\
    .wide{overflow-x:auto;margin:24px 0}figure svg{max-width:100%;height:auto}\
    figcaption,caption{color:var(--faint);font-size:14px;text-align:left;padding:4px 0}\
    table{border-collapse:collapse;font-size:14px}\
    th,td{padding:4px 14px 4px 0;text-align:left;border-bottom:1px solid var(--grid)}\
    .number{text-align:right;font-variant-numeric:tabular-nums}\
    pre{overflow-x:auto;padding:12px;border:1px solid var(--grid);border-radius:6px;font-size:13px}\
    dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;font-size:14px}\
    dt{color:var(--faint)}dd{margin:0;overflow-wrap:anywhere}
    """
}
