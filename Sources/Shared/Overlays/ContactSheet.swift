import Images

/// Small pictures in rows of cells of one size, on white.
public struct ContactSheet {
  private let columnCount: Int
  private let rowCount: Int
  private let cell: Int
  private let gap: Int
  private let size: PixelSize
  private var pixels: [UInt8]

  /// - Parameters:
  ///   - columns: of cells; those of a group stand close to each other.
  ///   - groupLength: cells of a group, which divides the columns.
  ///   - cell: the side of a cell, in pixels.
  public init(rows: Int, columns: Int, groupLength: Int, cell: Int) {
    precondition(rows > 0 && columns > 0 && columns % groupLength == 0)
    (rowCount, columnCount, self.cell) = (rows, columns, cell)
    self.groupLength = groupLength
    gap = max(2, cell / 32)
    size = PixelSize(
      height: rows * (cell + Self.margin(cell)) + Self.margin(cell),
      width: columns * (cell + gap) - gap + (columns / groupLength - 1) * (Self.margin(cell) - gap)
        + 2 * Self.margin(cell))
    pixels = [UInt8](repeating: 255, count: 3 * size.pixelCount)
  }

  private let groupLength: Int

  private static func margin(_ cell: Int) -> Int { max(6, cell / 8) }

  /// Puts a picture into the middle of a cell.
  public mutating func place(_ picture: RGBImage, row: Int, column: Int) {
    precondition(row < rowCount && column < columnCount, "there is no cell \(row), \(column)")
    let shown = picture.resized(
      to: PixelSize(height: picture.height, width: picture.width).scaled(toLongerSide: cell))
    let margin = Self.margin(cell)
    let top = margin + row * (cell + margin) + (cell - shown.height) / 2
    let left =
      margin + column * (cell + gap) + column / groupLength * (margin - gap) + (cell - shown.width) / 2
    let byteCount = 3 * shown.width
    for y in 0..<shown.height {
      let start = 3 * ((top + y) * size.width + left)
      pixels.replaceSubrange(
        start..<start + byteCount, with: shown.pixels[y * byteCount..<(y + 1) * byteCount])
    }
  }

  public var image: RGBImage { RGBImage(height: size.height, width: size.width, pixels: pixels) }
}
