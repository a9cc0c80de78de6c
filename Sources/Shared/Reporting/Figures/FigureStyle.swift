/// Colours and text of plots, in light and dark; pages that hold plots include it once.
enum FigureStyle {
  /// Told apart with any colour vision (after Okabe and Ito, 2008); lighter on dark.
  private static let series = [
    (light: "#0072b2", dark: "#56b4e9"), (light: "#d55e00", dark: "#ff8f3f"),
    (light: "#009e73", dark: "#2fd0a5"), (light: "#b0568a", dark: "#e59bc6"),
    (light: "#a07c00", dark: "#f0e442"), (light: "#5b5b5b", dark: "#c0c0c0"),
  ]
  private static let surroundings = [
    (name: "page", light: "#ffffff", dark: "#15181c"), (name: "text", light: "#1c1f23", dark: "#e6e8eb"),
    (name: "faint", light: "#5f6670", dark: "#9aa3ad"), (name: "grid", light: "#dfe3e8", dark: "#333a42"),
  ]

  private static let variables =
    surroundings
    + series.enumerated().map {
      (name: "series-\($0.offset)", light: $0.element.light, dark: $0.element.dark)
    }

  /// What the classes of a ``Picture``'s elements look like, in terms of variables.
  private static let rules =
    """
    svg text{font-family:system-ui,sans-serif;font-size:12px;fill:var(--text)}\
    svg .title{font-size:15px;font-weight:600}svg .tick{fill:var(--faint);font-size:11px}\
    svg .value{font-size:11px}svg .cell{font-size:10px}svg .on-dark{fill:#ffffff}svg .on-light{fill:#000000}\
    svg .grid{stroke:var(--grid)}svg .axis{stroke:var(--faint)}svg .frame{fill:none;stroke:var(--grid)}\
    svg .reference{stroke:var(--faint);stroke-dasharray:4 4}\
    svg .line{fill:none;stroke:currentColor;stroke-width:1.8;stroke-linejoin:round}\
    svg .whisker{stroke:currentColor;stroke-width:1.2}svg .spread{stroke:var(--text);stroke-width:1.2}\
    svg .band{fill:currentColor;fill-opacity:.16}svg .bar{fill:currentColor}\
    svg .mark{fill:currentColor;stroke:#ffffff;stroke-opacity:0;stroke-width:10}\
    svg .spot{fill:currentColor;fill-opacity:.75}
    """ + series.indices.map { "svg .s\($0){color:var(--series-\($0))}" }.joined()

  /// For pages and files that browsers show. Paper is white, whatever the screen is.
  static let css: String = {
    let light = variables.map { "--\($0.name):\($0.light);" }.joined()
    let dark = variables.map { "--\($0.name):\($0.dark);" }.joined()
    return ":root{color-scheme:light dark;\(light)}"
      + "@media screen and (prefers-color-scheme:dark){:root{\(dark)}}" + rules
  }()

  /// For programs that know no variables: in light.
  static let plainCSS = variables.reduce(rules) { $0.replacing("var(--\($1.name))", with: $1.light) }

  /// So many series look different, as points and as lines.
  static let seriesCount = series.count * Mark.allCases.count

  /// A series' class, which is its colour.
  static func colour(_ series: Int) -> String { "s\(series % Self.series.count)" }

  /// How a series' line is drawn: after the colours, the dashes begin to differ.
  static func dash(_ series: Int) -> String {
    ["", "6 3", "2 3", "10 3 2 3"][series / Self.series.count % 4]
  }

  enum Mark: CaseIterable { case circle, square, triangle, diamond }

  /// What a series' points look like. After 12 series, 6 colours and 4 marks come together again, and all marks move on by one.
  static func mark(_ series: Int) -> Mark {
    Mark.allCases[(series + series / 12) % Mark.allCases.count]
  }
}
