/// Where the pixels of a model's input come from: the way from an image's coordinates to those of the input, along each
/// side. Coordinates are continuous, in pixels: pixel i reaches from i to i + 1.
public struct InputPlacement: Equatable, Sendable {
  public struct Side: Equatable, Sendable {
    /// Pixels of the input for one of the image.
    public let scale: Double
    /// Where the image's edge lies in the input; negative where the crop has cut it off.
    public let origin: Double

    public init(scale: Double, origin: Double) { (self.scale, self.origin) = (scale, origin) }

    /// - Parameter position: on the image.
    /// - Returns: on the input, also where that does not reach so far.
    public func inputPosition(_ position: Double) -> Double { position * scale + origin }
  }

  public let vertical: Side
  public let horizontal: Side

  public init(vertical: Side, horizontal: Side) {
    (self.vertical, self.horizontal) = (vertical, horizontal)
  }
}

extension Preprocessing {
  /// Where the centre crop of an image lies.
  public func placement(of image: PixelSize) -> InputPlacement {
    let resized = resizedSize(of: image)
    func side(_ length: Int, _ resized: Int, _ crop: Int) -> InputPlacement.Side {
      let window = CropWindow(resizedLength: resized, crop: crop)
      return InputPlacement.Side(
        scale: Double(resized) / Double(length), origin: Double(window.margin - window.kept.lowerBound))
    }
    return InputPlacement(
      vertical: side(image.height, resized.height, crop.height),
      horizontal: side(image.width, resized.width, crop.width))
  }
}
