import Files
import Images
import Reporting

/// What is known of many images on one sheet: a group of small pictures of each, in columns that say what they show, with
/// some words below.
public struct ContactSheet {
  /// A part of what is said of an image.
  public enum Run: Sendable {
    /// Cut in the middle where there is no room for it.
    case name(String)
    /// What must be there.
    case words(String)
  }

  private let title: String
  private let explanation: String
  private let columns: [String]
  private let layout: Layout
  private var pictures: [(picture: RGBImage, top: Int, left: Int)] = []
  private var captions: [(path: String, runs: [Run], image: Int)] = []

  /// - Parameters:
  ///   - title: what the images have in common.
  ///   - explanation: which ones they are, in a sentence.
  ///   - columns: what each picture of an image shows.
  ///   - cell: the side that pictures have room for, in pixels.
  ///   - hasText: whether words are drawn, which needs ``Picture/library``.
  public init(
    title: String, explanation: String, columns: [String], imageCount: Int, cell: Int, hasText: Bool
  ) {
    precondition(!columns.isEmpty && imageCount > 0, "a sheet of nothing")
    (self.title, self.explanation, self.columns) = (title, explanation, columns)
    layout = Layout(columnCount: columns.count, imageCount: imageCount, cell: cell, hasText: hasText)
  }

  /// Images that a sheet of so many columns holds without becoming too long.
  public static func capacity(columnCount: Int, cell: Int) -> Int {
    12 * Layout.groupsPerRow(columnCount: columnCount, cell: cell)
  }

  /// Columns that a sheet holds without becoming too wide.
  public static func mostColumns(cell: Int) -> Int { Layout.mostColumns(cell: cell) }

  /// Puts a picture into the middle of its cell.
  public mutating func place(_ picture: RGBImage, image: Int, column: Int) {
    precondition(column < columns.count, "there is no column \(column)")
    let shown = picture.resized(
      to: PixelSize(height: picture.height, width: picture.width).scaled(toLongerSide: layout.cell))
    let (top, left) = layout.cell(image: image, column: column)
    pictures.append(
      (shown, top + (layout.cell - shown.height) / 2, left + (layout.cell - shown.width) / 2))
  }

  /// Says what an image is, in two lines.
  ///
  /// - Parameters:
  ///   - path: cut in front where there is no room for it.
  ///   - runs: what is known of it.
  public mutating func caption(_ path: String, _ runs: [Run], image: Int) {
    captions.append((path, runs, image))
  }

  /// - Throws: where the words cannot be drawn.
  public func image() throws(InputError) -> RGBImage {
    let size = layout.size
    var pixels =
      layout.hasText ? try drawnWords() : [UInt8](repeating: 255, count: 3 * size.pixelCount)
    for (picture, top, left) in pictures {
      let byteCount = 3 * picture.width
      for y in 0..<picture.height {
        let start = 3 * ((top + y) * size.width + left)
        pixels.replaceSubrange(
          start..<start + byteCount, with: picture.pixels[y * byteCount..<(y + 1) * byteCount])
      }
    }
    return RGBImage(height: size.height, width: size.width, pixels: pixels)
  }

  /// The words by themselves, on white.
  package var words: Picture {
    var words = Picture(width: Double(layout.size.width), height: Double(layout.size.height))
    let left = Double(layout.margin)
    let room = words.width - 2 * left
    words.text(
      Picture.fitted(title, to: room, characterWidth: 9.3, cut: .middle), x: left, y: left + 14,
      style: "title")
    words.text(Picture.fitted(explanation, to: room), x: left, y: left + 34)
    let names = Picture.fitted(names: columns, to: Double(layout.cell) * Self.tickRoom)
    for group in 0..<layout.groupsPerRow {
      for (column, name) in names.enumerated() {
        let cell = layout.cell(image: group, column: column)
        words.text(name, x: Double(cell.left), y: Double(cell.top) - 5, style: "tick")
      }
    }
    let width = Double(layout.groupWidth)
    for (path, runs, image) in captions {
      let cell = layout.cell(image: image, column: 0)
      let (left, bottom) = (Double(cell.left), Double(cell.top + layout.cell))
      words.text(Picture.fitted(path, to: width, cut: .start), x: left, y: bottom + 14)
      words.text(Self.line(runs, width: width * Self.tickRoom), x: left, y: bottom + 28, style: "tick")
    }
    return words
  }

  /// What small text has, which is of 11 pixels and not of 12.
  private static let tickRoom = 12.0 / 11

  /// Names that are cut have the same room each: what the words and the shorter names leave.
  private static func line(_ runs: [Run], width: Double) -> String {
    var (names, room) = ([String](), width)
    for run in runs {
      switch run {
      case .name(let name): names.append(name)
      case .words(let words): room -= Picture.textWidth(words)
      }
    }
    let widths = names.map { Picture.textWidth($0) }.sorted()
    var share = room / Double(max(1, names.count))
    for (number, width) in widths.enumerated() where width <= share {
      room -= width
      share = max(share, room / Double(max(1, names.count - number - 1)))
    }
    var shown = Picture.fitted(names: names, to: share)[...]
    return runs.map { run in
      switch run {
      case .name: shown.removeFirst()
      case .words(let words): words
      }
    }.joined()
  }

  private func drawnWords() throws(InputError) -> [UInt8] {
    let subject = "the contact sheet \(title)"
    let bytes = try words.png(scale: 1, subject: subject)
    let result = bytes.withUnsafeBytes { bytes in
      Result { () throws(InputError) in try ImageDecoder.decode(bytes, subject: subject) }
    }
    return try result.get().pixels
  }
}

extension ContactSheet {
  /// Where things are, in pixels. The pictures of an image stand close to each other.
  fileprivate struct Layout {
    let columnCount: Int
    let groupsPerRow: Int
    let rowCount: Int
    let cell: Int
    let hasText: Bool

    static let captionLines = 2
    private static let width = 1440
    /// Less would leave no room for words.
    private static let leastGroupWidth = 240
    private static let leastWidth = 560

    init(columnCount: Int, imageCount: Int, cell: Int, hasText: Bool) {
      (self.columnCount, self.cell, self.hasText) = (columnCount, cell, hasText)
      groupsPerRow = min(imageCount, Self.groupsPerRow(columnCount: columnCount, cell: cell))
      rowCount = (imageCount + groupsPerRow - 1) / groupsPerRow
    }

    static func groupsPerRow(columnCount: Int, cell: Int) -> Int {
      max(1, (width - margin(cell)) / (groupWidth(columnCount, cell) + margin(cell)))
    }

    static func mostColumns(cell: Int) -> Int {
      max(1, (width - 2 * margin(cell) + gap(cell)) / (cell + gap(cell)))
    }

    private static func groupWidth(_ columnCount: Int, _ cell: Int) -> Int {
      max(columnCount * (cell + gap(cell)) - gap(cell), leastGroupWidth)
    }

    private static func margin(_ cell: Int) -> Int { max(6, cell / 8) }
    private static func gap(_ cell: Int) -> Int { max(2, cell / 32) }

    var margin: Int { Self.margin(cell) }
    var groupWidth: Int { Self.groupWidth(columnCount, cell) }
    private var headHeight: Int { hasText ? 62 : 0 }
    private var rowHeight: Int { cell + (hasText ? 6 + 14 * Self.captionLines : 0) + margin }

    var size: PixelSize {
      PixelSize(
        height: headHeight + rowCount * rowHeight + margin,
        width: max(groupsPerRow * (groupWidth + margin) + margin, hasText ? Self.leastWidth : 0))
    }

    func cell(image: Int, column: Int) -> (top: Int, left: Int) {
      precondition(image / groupsPerRow < rowCount, "there is no image \(image)")
      return (
        headHeight + margin + image / groupsPerRow * rowHeight,
        margin + image % groupsPerRow * (groupWidth + margin) + column * (cell + Self.gap(cell))
      )
    }
  }
}
