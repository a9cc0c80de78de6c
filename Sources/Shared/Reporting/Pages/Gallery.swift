/// Small pictures in cards: an image, where a model looks at it, and what is known of it.
public struct Gallery: PageElement {
  /// How large its pictures are.
  public enum Scale: String, Sendable {
    /// Many cards side by side.
    case compact
    /// Pictures that are looked at one by one.
    case spacious
  }

  /// One image.
  public struct Card: Sendable {
    public let title: String
    public let text: StyledText
    public let tiles: [Tile]

    public init(title: String, text: StyledText, tiles: [Tile]) {
      self.title = title
      self.text = text
      self.tiles = tiles
    }
  }

  /// One small picture, with a word below it.
  public struct Tile: Sendable {
    public enum Content: Sendable {
      case values(ValueTile)
      case embedded(EmbeddedImage)
      /// A file that opens when its picture is followed; its size in pixels.
      case file(PageFile, height: Int, width: Int)
    }

    public let content: Content
    /// What it is.
    public let caption: String
    /// Lines of what is known of it.
    public let notes: [String]
    /// What it shows, for those who cannot see it.
    public let alternativeText: String
    /// One of many parts, which are smaller and come after the others.
    public let isDetail: Bool

    public init(
      _ content: Content, caption: String, notes: [String] = [], alternativeText: String,
      isDetail: Bool = false
    ) {
      self.content = content
      self.caption = caption
      self.notes = notes
      self.alternativeText = alternativeText
      self.isDetail = isDetail
    }
  }

  public let scale: Scale
  private let count: Int
  private let card: @Sendable (Int) -> Card

  /// - Parameter card: makes each card when its turn comes, so that large galleries need no memory.
  public init(_ scale: Scale, count: Int, card: @escaping @Sendable (Int) -> Card) {
    self.scale = scale
    self.count = count
    self.card = card
  }

  public init(_ scale: Scale, _ cards: [Card]) {
    self.init(scale, count: cards.count) { cards[$0] }
  }

  func write<Failure>(_ piece: (String) throws(Failure) -> Void) throws(Failure) {
    try piece("<div class=\"cards \(scale.rawValue)\">\n")
    for index in 0..<count { try piece(card(index).html) }
    try piece("</div>")
  }
}

extension Gallery.Card {
  fileprivate var html: String {
    let rows = [("tiles", tiles.filter { !$0.isDetail }), ("tiles details", tiles.filter(\.isDetail))]
    let elements = rows.filter { !$0.1.isEmpty }.map { name, tiles in
      "<div class=\"\(name)\">\(tiles.map(\.html).joined(separator: "\n"))</div>\n"
    }
    return """
      <article class="card">
      <h3>\(title.escapedForMarkup)</h3>
      <p>\(text.html)</p>
      \(elements.joined())</article>

      """
  }
}

extension Gallery.Tile {
  fileprivate var html: String {
    let lines = notes.map { "<br>" + $0.escapedForMarkup }.joined()
    return "<figure>\(picture)<figcaption><b>\(caption.escapedForMarkup)</b>\(lines)</figcaption></figure>"
  }

  private var picture: String {
    let words = alternativeText.escapedForMarkup
    return switch content {
    case .values(let tile): tile.svg(alternativeText: alternativeText)
    case .embedded(let image): "<img src=\"\(image.address)\" alt=\"\(words)\">"
    case .file(let file, let height, let width):
      "<a href=\"\(file.address)\"><img src=\"\(file.address)\" width=\"\(width)\" height=\"\(height)\""
        + " loading=\"lazy\" alt=\"\(words)\"></a>"
    }
  }
}
