import Files

/// One page that says what was done and what came out of it: no script, no network, and no images but its own.
public struct HTMLReport: Sendable {
  /// Where a page has its images. Browsers show no others.
  public enum ImagePlace: Sendable {
    /// Inside of it: the page is one file.
    case inside
    /// In files beside it or below its folder.
    case beside
  }

  private let title: String
  private let imagePlace: ImagePlace
  /// The first has no heading.
  private var sections = [Section(heading: nil)]

  private struct Section {
    let heading: String?
    var elements: [any PageElement] = []
  }

  public init(title: String, images: ImagePlace = .inside) {
    self.title = title
    imagePlace = images
  }

  private mutating func append(_ element: any PageElement) {
    sections[sections.count - 1].elements.append(element)
  }

  private mutating func append(html: String) { append(Markup(html: html)) }
}

/// What a page is made of, in the order of reading.
extension HTMLReport {
  public mutating func append(heading: String) { sections.append(Section(heading: heading)) }

  public mutating func append(paragraph: String) { append(paragraph: StyledText(paragraph)) }

  public mutating func append(paragraph: StyledText) { append(html: "<p>\(paragraph.html)</p>") }

  /// Text whose line ends and spaces matter: commands, logs.
  public mutating func append(preformatted: String) { append(html: Self.block(preformatted)) }

  /// The like, folded away until a reader asks for it.
  ///
  /// - Parameter summary: what is inside.
  public mutating func append(folded preformatted: String, summary: String) {
    append(
      html: "<details><summary>\(summary.escapedForMarkup)</summary>\(Self.block(preformatted))</details>")
  }

  private static func block(_ text: String) -> String { "<pre tabindex=\"0\">\(text.escapedForMarkup)</pre>" }

  public mutating func append(_ table: Table, caption: String) {
    append(html: table.html(caption: caption))
  }

  public mutating func append(_ figure: any Figure, caption: String) {
    append(FigureElement(figure: figure, caption: caption))
  }

  /// Figures beside each other, where the page is wide enough.
  public mutating func append(_ figures: [(figure: any Figure, caption: String)]) {
    append(FigureRow(figures: figures.map { FigureElement(figure: $0.figure, caption: $0.caption) }))
  }

  public mutating func append(_ gallery: Gallery) { append(gallery as any PageElement) }

  /// What the colours of maps mean, from dark to light.
  public mutating func append(colourScaleFrom least: String, to greatest: String) {
    append(
      html: "<p class=\"scale\"><span>\(least.escapedForMarkup)</span>"
        + "<span class=\"colours\" role=\"img\" aria-label=\"Colours from dark violet to light yellow\"></span>"
        + "<span>\(greatest.escapedForMarkup)</span></p>")
  }

  /// How the numbers came about: programs, options, data, machine, each with its value.
  public mutating func append(provenance: [(name: String, value: String)]) {
    let items = provenance.map {
      "<dt>\($0.name.escapedForMarkup)</dt><dd>\($0.value.escapedForMarkup)</dd>"
    }
    append(html: "<dl>\(items.joined(separator: "\n"))</dl>")
  }
}

/// Writing.
extension HTMLReport {
  /// Writes the page piece by piece, so that its length needs no memory.
  public func write(to path: String) throws(InputError) {
    let file = try AtomicFileWriter(path)
    try write { (piece) throws(InputError) in try file.append(piece) }
    try file.commit()
  }

  /// The whole page at once.
  public var html: String {
    var html = ""
    write { html += $0 }
    return html
  }

  private func write<Failure>(_ piece: (String) throws(Failure) -> Void) throws(Failure) {
    try piece(head)
    try piece(contents)
    for (number, section) in sections.enumerated() {
      if let heading = section.heading {
        let title = "<h2 id=\"section-\(number)\">\(heading.escapedForMarkup)</h2>"
        try piece("<div class=\"heading\">\(title)\(hasContents ? Self.linkBack : "")</div>\n")
      }
      for element in section.elements {
        try element.write(piece)
        try piece("\n")
      }
    }
    try piece("</main>\n</body>\n</html>\n")
  }

  private var head: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="\(policy)">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>\(title.escapedForMarkup)</title>
    <style>\(FigureStyle.css)\(PageStyle.css)</style>
    </head>
    <body>
    <main>
    <h1>\(title.escapedForMarkup)</h1>

    """
  }

  private var policy: String {
    let images =
      switch imagePlace {
      case .inside: "data:"
      // Browsers do not count files among a file's own origin.
      case .beside: "'self' file:"
      }
    return
      "default-src 'none'; style-src 'unsafe-inline'; img-src \(images); base-uri 'none'; form-action 'none'"
  }

  /// Whether the page is too long to look over.
  private var hasContents: Bool { sections.count > 4 }

  private static let linkBack = "<a class=\"back\" href=\"#contents\">Contents</a>"

  /// Links to the sections.
  private var contents: String {
    guard hasContents else { return "" }
    let links = sections.enumerated().dropFirst().map { number, section in
      "<a href=\"#section-\(number)\">\(section.heading!.escapedForMarkup)</a>"
    }
    return "<nav id=\"contents\" aria-label=\"Contents\">\(links.joined(separator: "\n"))</nav>\n"
  }
}
