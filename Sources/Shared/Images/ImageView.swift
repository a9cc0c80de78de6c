/// A part of an image, in pixels.
public struct PixelBox: Equatable, Sendable {
  public let top: Int
  public let left: Int
  public let height: Int
  public let width: Int

  public init(top: Int, left: Int, height: Int, width: Int) {
    self.top = top
    self.left = left
    self.height = height
    self.width = width
  }
}

/// What of an image becomes an input.
public enum ImageView: Equatable, Sendable {
  /// Resized and cut from the middle, as for evaluation.
  case center
  /// A box, cut out and then resized to the whole input, so that what is around it plays no part; its left and right
  /// are exchanged where it is mirrored.
  case crop(PixelBox, isMirrored: Bool)
}
