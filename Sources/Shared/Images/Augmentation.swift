import Compute
import Files
import Foundation

/// Which views of an image are made. What they show depends on nothing but the seed, the image's place in the data set,
/// its size and the number of the view: neither on other images nor on the order in which they are taken.
public struct Augmentation: Equatable, Sendable {
  public enum Name: String, CaseIterable, Sendable {
    /// One view, the centre crop.
    case none
    /// Random crops and mirroring, as the reference augments for linear probing: ``RandomResizedCrop``.
    case linprobe
  }

  public let name: Name
  /// The views of each image.
  public let viewCount: Int
  public let seed: UInt64
  /// Whether view 0 is the centre crop instead of a random one.
  public let hasCenterView: Bool

  public static let largestViewCount = 1 << 16
  /// One view, the centre crop.
  public static let none = Augmentation()

  private init() {
    (name, viewCount, seed, hasCenterView) = (.none, 1, 0, false)
  }

  /// - Throws: ``InputError`` where these views cannot be made, or would all be the same.
  public init(_ name: Name, viewCount: Int, seed: UInt64 = 0, hasCenterView: Bool = false) throws(InputError)
  {
    guard (1...Self.largestViewCount).contains(viewCount) else {
      throw InputError(
        "views", "an image cannot have \(viewCount) of them, only 1 to \(Self.largestViewCount)")
    }
    guard name != .none || (viewCount == 1 && !hasCenterView) else {
      throw InputError(
        "views", "without augmentation an image has one view, the centre crop",
        remedy: "choose --augmentation linprobe for more")
    }
    self.name = name
    self.viewCount = viewCount
    // Without augmentation there is nothing to draw; equal caches then say equal seeds.
    self.seed = name == .none ? 0 : seed
    self.hasCenterView = hasCenterView
  }

  /// - Parameters:
  ///   - index: the view's number, below the count.
  ///   - image: the image's place in the data set, below 2^48.
  ///   - height: of the image in pixels, and likewise `width`.
  public func view(_ index: Int, ofImage image: UInt64, height: Int, width: Int) -> ImageView {
    precondition(index >= 0 && index < viewCount, "view \(index) of \(viewCount) does not exist")
    if name == .none || (hasCenterView && index == 0) { return .center }
    var generator = SeededGenerator(seed: seed, stream: image << 16 | UInt64(index))
    let box = RandomResizedCrop.draw(height: height, width: width, &generator)
    return .crop(box, isMirrored: generator.uniform() < 0.5)
  }
}

/// A box of a random area and shape: `RandomResizedCrop` of the reference's util/crop.py (which is MAE's), with its
/// scale and ratio. It draws once and cuts off what does not fit, where torchvision's class of that name draws again.
public enum RandomResizedCrop {
  /// Of the image's area.
  static let scale = (least: 0.08, most: 1.0)
  /// Width over height; its logarithm is uniform.
  static let ratio = (least: 3.0 / 4, most: 4.0 / 3)

  /// - Returns: a box inside the image, of at least one pixel (the reference fails where an image is so small that one
  ///   comes out empty).
  public static func draw(height: Int, width: Int, _ generator: inout SeededGenerator) -> PixelBox {
    let area = Double(height * width) * generator.uniform(scale.least, scale.most)
    let ratio = exp(generator.uniform(log(ratio.least), log(ratio.most)))
    let boxWidth = length((area * ratio).squareRoot(), atMost: width)
    let boxHeight = length((area / ratio).squareRoot(), atMost: height)
    let top = Int(generator.bounded(UInt64(height - boxHeight + 1)))
    let left = Int(generator.bounded(UInt64(width - boxWidth + 1)))
    return PixelBox(top: top, left: left, height: boxHeight, width: boxWidth)
  }

  /// As Python rounds, halves to even.
  private static func length(_ exact: Double, atMost side: Int) -> Int {
    min(max(1, Int(exact.rounded(.toNearestOrEven))), side)
  }
}
