/// A part of a page.
protocol PageElement: Sendable {
  /// Writes it as HTML, each piece made when its turn comes.
  func write<Failure>(_ piece: (String) throws(Failure) -> Void) throws(Failure)
}

/// A part that is short, or made of what the page is made of anyway.
struct Markup: PageElement {
  let html: String

  func write<Failure>(_ piece: (String) throws(Failure) -> Void) throws(Failure) { try piece(html) }
}

struct FigureElement: PageElement {
  let figure: any Figure
  let caption: String

  func write<Failure>(_ piece: (String) throws(Failure) -> Void) throws(Failure) {
    let caption = caption.isEmpty ? "" : "<figcaption>\(caption.escapedForMarkup)</figcaption>"
    try piece("<figure>\(figure.picture.svg)\(caption)</figure>")
  }
}

struct FigureRow: PageElement {
  let figures: [FigureElement]

  func write<Failure>(_ piece: (String) throws(Failure) -> Void) throws(Failure) {
    try piece("<div class=\"figures\">")
    for figure in figures {
      try figure.write(piece)
      try piece("\n")
    }
    try piece("</div>")
  }
}
