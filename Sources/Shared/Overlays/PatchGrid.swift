import Images

/// How an encoder's input is cut into patches. What patches do not cover, at the lower and right edges, no token is of.
public struct PatchGrid: Equatable, Sendable {
  /// In patches.
  public var height: Int
  public var width: Int
  /// In pixels of the input.
  public var patchHeight: Int
  public var patchWidth: Int

  public init(height: Int, width: Int, patchHeight: Int, patchWidth: Int) {
    (self.height, self.width) = (height, width)
    (self.patchHeight, self.patchWidth) = (patchHeight, patchWidth)
  }

  public var patchCount: Int { height * width }

  /// Of what the patches cover.
  public var inputSize: PixelSize { PixelSize(height: height * patchHeight, width: width * patchWidth) }
}

/// How a map over a grid becomes pixels.
public enum MapInterpolation: String, CaseIterable, Sendable {
  /// Each patch has one colour.
  case nearest
  /// From the centre of each patch straight to those of its neighbours.
  case bilinear
}

/// Which patches, along one side of a grid, a pixel takes its value from.
struct GridNeighbours: Equatable {
  let first: Int
  let second: Int
  /// Of the second one.
  let share: Float

  /// - Parameters:
  ///   - position: in patches from the grid's edge.
  ///   - count: of patches along the side.
  /// - Returns: nil outside of the grid.
  init?(at position: Double, count: Int, _ interpolation: MapInterpolation) {
    guard position >= 0, position < Double(count) else { return nil }
    switch interpolation {
    case .nearest: (first, second, share) = (Int(position), Int(position), 0)
    case .bilinear:
      // Beyond the centres of the outer patches their values go on.
      let place = min(max(position - 0.5, 0), Double(count - 1))
      first = Int(place)
      second = min(first + 1, count - 1)
      share = Float(place - Double(first))
    }
  }

  /// For each pixel of a side that shows all of an image's side.
  ///
  /// - Parameter length: of the image's side.
  static func all(
    pixelCount: Int, showing length: Int, _ side: InputPlacement.Side, patchLength: Int, count: Int,
    _ interpolation: MapInterpolation
  ) -> [GridNeighbours?] {
    (0..<pixelCount).map { pixel in
      let position = (Double(pixel) + 0.5) * Double(length) / Double(pixelCount)
      return GridNeighbours(
        at: side.inputPosition(position) / Double(patchLength), count: count, interpolation)
    }
  }
}
