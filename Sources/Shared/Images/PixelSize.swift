/// Height and width in pixels.
public struct PixelSize: Codable, Hashable, Sendable, CustomStringConvertible {
  public var height: Int
  public var width: Int

  public init(height: Int, width: Int) {
    self.height = height
    self.width = width
  }

  public init(side: Int) { self.init(height: side, width: side) }

  public var isSquare: Bool { height == width }
  public var pixelCount: Int { height * width }

  /// One number for a square, else height by width.
  public var description: String { isSquare ? "\(height)" : "\(height)x\(width)" }
}
