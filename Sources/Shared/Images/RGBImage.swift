/// A decoded image: 8 bits a sample, pixels [height, width, 3] from the top left, red first.
public struct RGBImage: Equatable, Sendable {
  public let height: Int
  public let width: Int
  /// Row by row, without gaps: `height * width * 3` bytes.
  public let pixels: [UInt8]

  public init(height: Int, width: Int, pixels: [UInt8]) {
    precondition(height > 0 && width > 0, "an image cannot have \(height)x\(width) pixels")
    precondition(
      pixels.count == height * width * 3, "\(pixels.count) bytes do not fill \(height)x\(width) RGB pixels")
    self.height = height
    self.width = width
    self.pixels = pixels
  }
}
