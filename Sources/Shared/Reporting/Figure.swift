import Files

/// A plot: a title, words for those who cannot see it, and a picture.
public protocol Figure: Sendable {
  var title: String { get }
  /// What the picture shows, in words.
  var alternativeText: String { get }
  /// An `<svg>` element whose colours are the CSS variables of ``FigureStyle``.
  var picture: String { get }
}

extension Figure {
  /// Writes a file of its own that browsers show in light or dark, as the viewer prefers.
  public func write(to path: String) throws(InputError) {
    let style = "<style>\(FigureStyle.css)svg{background:var(--page)}</style>"
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + picture
    let end = text.firstRange(of: "\n")!.upperBound
    text.insert(contentsOf: style, at: text[end...].firstRange(of: ">")!.upperBound)
    try AtomicFile.write(text + "\n", to: path)
  }
}

/// Colours and text of plots, in light and dark; pages that hold plots include it once.
package enum FigureStyle {
  /// Told apart with any colour vision (Okabe and Ito, 2008); lighter on dark.
  private static let series = [
    (light: "#0072b2", dark: "#56b4e9"), (light: "#d55e00", dark: "#ff8f3f"),
    (light: "#009e73", dark: "#2fd0a5"), (light: "#b0568a", dark: "#e59bc6"),
    (light: "#a07c00", dark: "#f0e442"), (light: "#5b5b5b", dark: "#c0c0c0"),
  ]
  private static let dashes = ["", "6 3", "2 3"]

  package static let css: String = {
    func variables(
      _ page: String, _ text: String, _ faint: String, _ grid: String, _ colours: [String]
    ) -> String {
      let lines = colours.enumerated().map { "--series-\($0.offset):\($0.element);" }.joined()
      return ":root{--page:\(page);--text:\(text);--faint:\(faint);--grid:\(grid);\(lines)}"
    }
    let light = variables("#ffffff", "#1c1f23", "#5f6670", "#dfe3e8", series.map(\.light))
    let dark = variables("#15181c", "#e6e8eb", "#9aa3ad", "#333a42", series.map(\.dark))
    return """
      :root{color-scheme:light dark}\(light)\
      @media(prefers-color-scheme:dark){\(dark)}\
      svg text{font:12px system-ui,sans-serif;fill:var(--text)}\
      svg text.title{font-size:15px;font-weight:600}svg text.tick{fill:var(--faint);font-size:11px}\
      svg .grid{stroke:var(--grid)}svg .axis{stroke:var(--faint)}svg .line{fill:none;stroke-width:1.8}\
      svg .reference{stroke:var(--faint);stroke-dasharray:4 4}
      """
  }()

  /// The colour of a series, and how its line is drawn: after the colours, the dashes begin to differ.
  package static func colour(_ series: Int) -> String { "var(--series-\(series % Self.series.count))" }
  package static func dash(_ series: Int) -> String { dashes[series / Self.series.count % dashes.count] }
}
