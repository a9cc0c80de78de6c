import Foundation

/// A drawing: of a plot, or of words beside images. Places are in pixels from the upper left corner; colours are classes of ``FigureStyle``.
public struct Picture: Sendable {
  package enum Anchor: String { case start, middle, end }

  public let width: Double
  /// Known once everything is drawn.
  public internal(set) var height: Double = 0
  private let title: String
  private let alternativeText: String
  /// Where the title and the subject end.
  let headingBottom: Double
  private var elements: [String] = []

  init(width: Double, of figure: any Figure) {
    self.width = width
    title = figure.title
    alternativeText = (figure.subject.map { "\($0). " } ?? "") + figure.alternativeText
    headingBottom = figure.subject == nil ? 44 : 60
    let room = width - 24
    text(
      Self.fitted(title, to: room, characterWidth: 9.3, cut: .middle), x: 16, y: 24, style: "title")
    if let subject = figure.subject {
      text(Self.fitted(subject, to: room, cut: .middle), cutFrom: subject, x: 16, y: 44)
    }
  }

  /// An empty drawing.
  package init(width: Double, height: Double) {
    (self.width, self.height) = (width, height)
    (title, alternativeText, headingBottom) = ("", "", 0)
  }

  /// An `<svg>` element for a page that includes ``FigureStyle/css``.
  public var svg: String {
    """
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(place(width)) \(place(height))" \
    width="\(place(width))" height="\(place(height))" role="img" aria-label="\(label.escapedForMarkup)">
    <title>\(title.escapedForMarkup)</title><desc>\(alternativeText.escapedForMarkup)</desc>
    \(elements.joined(separator: "\n"))
    </svg>
    """
  }

  /// A file of its own.
  var svgFile: String {
    let style = "<style>\(FigureStyle.css)svg{background:var(--page)}</style>"
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + svg
    let end = text.firstRange(of: "\n")!.upperBound
    text.insert(contentsOf: style, at: text[end...].firstRange(of: ">")!.upperBound)
    return text + "\n"
  }

  private var label: String { alternativeText.isEmpty ? title : "\(title). \(alternativeText)" }
}

/// Elements.
extension Picture {
  /// - Parameter whole: what the text is cut from, which a viewer reads when pointing there.
  package mutating func text(
    _ text: String, cutFrom whole: String? = nil, x: Double, y: Double, anchor: Anchor = .start,
    style: String = "label", turned: Bool = false
  ) {
    let tip = whole.map { $0 == text ? "" : "<title>\($0.escapedForMarkup)</title>" } ?? ""
    let turn = turned ? " transform=\"rotate(-90 \(place(x)) \(place(y)))\"" : ""
    elements.append(
      "<text class=\"\(style)\" x=\"\(place(x))\" y=\"\(place(y))\" text-anchor=\"\(anchor.rawValue)\"\(turn)>"
        + "\(tip)\(text.escapedForMarkup)</text>")
  }

  mutating func line(_ style: String, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) {
    elements.append(
      "<line class=\"\(style)\" x1=\"\(place(x1))\" y1=\"\(place(y1))\" x2=\"\(place(x2))\" y2=\"\(place(y2))\"/>"
    )
  }

  mutating func path(_ places: [(x: Double, y: Double)], series: Int) {
    let dash = FigureStyle.dash(series)
    let pattern = dash.isEmpty ? "" : " stroke-dasharray=\"\(dash)\""
    elements.append(
      "<polyline class=\"line \(FigureStyle.colour(series))\"\(pattern) points=\"\(points(places))\"/>")
  }

  /// An area in a series' colour that lets through what is below it.
  mutating func band(_ outline: [(x: Double, y: Double)], series: Int) {
    elements.append("<polygon class=\"band \(FigureStyle.colour(series))\" points=\"\(points(outline))\"/>")
  }

  /// A line up and down between two values, with ends.
  mutating func whisker(x: Double, from y1: Double, to y2: Double, series: Int) {
    let style = "whisker \(FigureStyle.colour(series))"
    line(style, x, y1, x, y2)
    for y in [y1, y2] { line(style, x - 2.5, y, x + 2.5, y) }
  }

  /// A line across between two values, with ends, over a bar.
  mutating func whisker(y: Double, from x1: Double, to x2: Double) {
    line("spread", x1, y, x2, y)
    for x in [x1, x2] { line("spread", x, y - 2.5, x, y + 2.5) }
  }

  /// A value on a line: circles, squares, triangles and diamonds in turn, so that lines differ without colours.
  ///
  /// - Parameter tip: what a viewer reads when pointing there.
  mutating func mark(x: Double, y: Double, series: Int, style: String = "mark", tip: String?) {
    let look = "class=\"\(style) \(FigureStyle.colour(series))\""
    let inside = tip.map { "<title>\($0.escapedForMarkup)</title>" } ?? ""
    func polygon(_ corners: [(x: Double, y: Double)]) -> String {
      "<polygon \(look) points=\"\(points(corners.map { (x + $0.x, y + $0.y) }))\">\(inside)</polygon>"
    }
    let element =
      switch FigureStyle.mark(series) {
      case .circle: "<circle \(look) cx=\"\(place(x))\" cy=\"\(place(y))\" r=\"3\">\(inside)</circle>"
      case .square: polygon([(-2.8, -2.8), (2.8, -2.8), (2.8, 2.8), (-2.8, 2.8)])
      case .triangle: polygon([(0, -3.8), (3.6, 2.6), (-3.6, 2.6)])
      case .diamond: polygon([(0, -3.9), (3.9, 0), (0, 3.9), (-3.9, 0)])
      }
    elements.append(element)
  }

  mutating func bar(x: Double, y: Double, width: Double, height: Double, series: Int, tip: String) {
    elements.append(
      "<rect class=\"bar \(FigureStyle.colour(series))\" \(box(x, y, width, height))>"
        + "<title>\(tip.escapedForMarkup)</title></rect>")
  }

  /// A field of one colour, whatever the page's colours are; nil for an empty one.
  mutating func cell(
    x: Double, y: Double, width: Double, height: Double, colour: String?, tip: String? = nil
  ) {
    let look = colour.map { "fill=\"\($0)\"" } ?? "class=\"frame\""
    let inside = tip.map { "<title>\($0.escapedForMarkup)</title>" } ?? ""
    elements.append("<rect \(look) \(box(x, y, width, height))>\(inside)</rect>")
  }

  /// Names and looks in rows below the heading. Nothing for a single series, which the title names.
  ///
  /// - Parameters:
  ///   - names: nil for a series that has nothing to show.
  ///   - reference: the name of a line to compare with.
  /// - Returns: where the rows end.
  mutating func legend(
    _ names: [String?], reference: String? = nil, hasLines: Bool = true, hasMarks: Bool = false
  ) -> Double {
    let entries = names + (reference.map { [$0] } ?? [])
    guard entries.count > 1 else { return headingBottom }
    var (x, y) = (16.0, headingBottom + 4)
    let texts = Self.fitted(names: entries.map { $0 ?? "" }, to: width - 64)
    for (series, (name, shown)) in zip(entries, texts).enumerated() {
      guard let name else { continue }
      let itemWidth = 40 + Self.textWidth(shown)
      if x > 16, x + itemWidth > width { (x, y) = (16, y + 18) }
      if series == names.count {
        line("reference", x, y - 4, x + 20, y - 4)
      } else {
        if hasLines { path([(x, y - 4), (x + 20, y - 4)], series: series) }
        if hasMarks { mark(x: x + 10, y: y - 4, series: series, tip: nil) }
      }
      text(shown, cutFrom: name, x: x + 26, y: y)
      x += itemWidth
    }
    return y + 14
  }

  private func box(_ x: Double, _ y: Double, _ width: Double, _ height: Double) -> String {
    "x=\"\(place(x))\" y=\"\(place(y))\" width=\"\(place(width))\" height=\"\(place(height))\""
  }

  private func points(_ places: [(x: Double, y: Double)]) -> String {
    places.map { "\(place($0.x)),\(place($0.y))" }.joined(separator: " ")
  }

  /// A tenth of a pixel is enough.
  private func place(_ value: Double) -> String {
    let text = NumberText.fixed(value, 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
