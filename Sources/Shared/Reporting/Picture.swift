import Foundation

/// The SVG text of one plot in the making. Places are in pixels from the upper left corner.
struct Picture {
  enum Anchor: String { case start, middle, end }

  private let width: Double
  private let title: String
  private let alternativeText: String
  private var elements: [String] = []

  init(width: Double, title: String, alternativeText: String) {
    self.width = width
    self.title = title
    self.alternativeText = alternativeText
    text(title, x: 16, y: 24, style: "title")
  }

  mutating func text(
    _ text: String, x: Double, y: Double, anchor: Anchor = .start, style: String = "label",
    turned: Bool = false
  ) {
    let turn = turned ? " transform=\"rotate(-90 \(number(x)) \(number(y)))\"" : ""
    elements.append(
      "<text class=\"\(style)\" x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor.rawValue)\"\(turn)>"
        + "\(text.escapedForMarkup)</text>")
  }

  mutating func line(_ style: String, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) {
    elements.append(
      "<line class=\"\(style)\" x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" y2=\"\(number(y2))\"/>"
    )
  }

  mutating func path(_ places: [(x: Double, y: Double)], series: Int) {
    let points = places.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
    let dash = FigureStyle.dash(series)
    let pattern = dash.isEmpty ? "" : " stroke-dasharray=\"\(dash)\""
    elements.append(
      "<polyline class=\"line\" stroke=\"\(FigureStyle.colour(series))\"\(pattern) points=\"\(points)\"/>")
  }

  /// - Parameter tip: what a viewer reads when pointing there.
  mutating func dot(x: Double, y: Double, series: Int, tip: String) {
    elements.append(
      "<circle cx=\"\(number(x))\" cy=\"\(number(y))\" r=\"2.5\" fill=\"\(FigureStyle.colour(series))\">"
        + "<title>\(tip.escapedForMarkup)</title></circle>")
  }

  mutating func bar(x: Double, y: Double, width: Double, height: Double, series: Int, tip: String) {
    elements.append(
      "<rect x=\"\(number(x))\" y=\"\(number(y))\" width=\"\(number(width))\" height=\"\(number(height))\""
        + " fill=\"\(FigureStyle.colour(series))\"><title>\(tip.escapedForMarkup)</title></rect>")
  }

  /// Names and colours in rows below the title. Nothing for a single series, which the title names.
  ///
  /// - Returns: the height of the rows.
  mutating func legend(_ names: [String], top: Double) -> Double {
    guard names.count > 1 else { return 0 }
    var (x, y) = (16.0, top)
    for (series, name) in names.enumerated() {
      let itemWidth = 40 + Self.textWidth(name)
      if x > 16, x + itemWidth > width { (x, y) = (16, y + 18) }
      path([(x, y - 4), (x + 20, y - 4)], series: series)
      text(name, x: x + 26, y: y)
      x += itemWidth
    }
    return y - top + 18
  }

  /// About how wide a text of 12 pixels is: no font is at hand to measure it with.
  static func textWidth(_ text: String) -> Double { Double(text.count) * 6.6 }

  /// The finished picture.
  func svg(height: Double) -> String {
    """
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(number(width)) \(number(height))" \
    width="\(number(width))" height="\(number(height))" role="img" aria-label="\(label.escapedForMarkup)">
    <title>\(title.escapedForMarkup)</title><desc>\(alternativeText.escapedForMarkup)</desc>
    \(elements.joined(separator: "\n"))
    </svg>
    """
  }

  private var label: String { alternativeText.isEmpty ? title : "\(title). \(alternativeText)" }

  /// A tenth of a pixel is enough.
  private func number(_ value: Double) -> String {
    let text = NumberText.fixed(value, 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
