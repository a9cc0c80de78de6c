import Foundation

/// Small pictures in cards: an image, where a model looks at it, and what is known of it.
public struct Gallery: Sendable {
  public struct Card: Sendable {
    public let title: String
    public let tiles: [Tile]
    public let note: String

    public init(title: String, tiles: [Tile], note: String = "") {
      self.title = title
      self.tiles = tiles
      self.note = note
    }
  }

  /// One small picture, with a word below it.
  public struct Tile: Sendable {
    public enum Content: Sendable {
      case values(ValueTile)
      case image(EmbeddedImage)
    }

    public let content: Content
    public let caption: String
    /// What it shows, for those who cannot see it.
    public let alternativeText: String
    /// In pixels of the page.
    public let width: Double

    public init(_ content: Content, caption: String, alternativeText: String, width: Double) {
      self.content = content
      self.caption = caption
      self.alternativeText = alternativeText
      self.width = width
    }

    fileprivate var html: String {
      let picture =
        switch content {
        case .values(let tile): tile.svg(width: width, alternativeText: alternativeText)
        case .image(let image): image.html(width: width, alternativeText: alternativeText)
        }
      return "<figure>\(picture)<figcaption>\(caption.escapedForMarkup)</figcaption></figure>"
    }
  }

  public let cards: [Card]

  public init(_ cards: [Card]) { self.cards = cards }

  var html: String {
    let elements = cards.map { card in
      let note = card.note.isEmpty ? "" : "<p>\(card.note.escapedForMarkup)</p>"
      return "<article class=\"card\"><h3>\(card.title.escapedForMarkup)</h3>"
        + "<div class=\"tiles\">\(card.tiles.map(\.html).joined(separator: "\n"))</div>\(note)</article>"
    }
    return "<div class=\"cards\">\(elements.joined(separator: "\n"))</div>"
  }
}

/// A file's bytes inside a page.
public struct EmbeddedImage: Sendable {
  public enum Format: String, Sendable {
    case jpeg = "image/jpeg"
    case png = "image/png"
  }

  public let format: Format
  public let bytes: [UInt8]

  public init(_ format: Format, bytes: [UInt8]) {
    self.format = format
    self.bytes = bytes
  }

  func html(width: Double, alternativeText: String) -> String {
    "<img src=\"data:\(format.rawValue);base64,\(Data(bytes).base64EncodedString())\""
      + " width=\"\(NumberText.fixed(width, 0))\" alt=\"\(alternativeText.escapedForMarkup)\">"
  }
}
