/// Words of which some stand out, or lead to a file beside the page.
public struct StyledText: Sendable {
  public enum Run: Sendable {
    case plain(String)
    /// What is looked for first.
    case strong(String)
    /// What is as it should be and need not be read.
    case faint(String)
    /// What is not as it should be.
    case alert(String)
    case link(String, to: PageFile)
  }

  public let runs: [Run]

  public init(_ runs: [Run]) { self.runs = runs }

  public init(_ text: String) { runs = [.plain(text)] }

  var html: String { runs.map(\.html).joined() }
}

extension StyledText.Run {
  fileprivate var html: String {
    switch self {
    case .plain(let text): text.escapedForMarkup
    case .strong(let text): "<b>\(text.escapedForMarkup)</b>"
    case .faint(let text): "<span class=\"faint\">\(text.escapedForMarkup)</span>"
    case .alert(let text): "<b class=\"alert\">\(text.escapedForMarkup)</b>"
    case .link(let text, let file): "<a href=\"\(file.address)\">\(text.escapedForMarkup)</a>"
    }
  }
}
