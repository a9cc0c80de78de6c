import Images
import Reporting

/// What maps over an encoder's patches are drawn on: the image that the encoder saw, as a whole, each map lying on the
/// pixels that its patches were cut from; or nothing, where the image is not at hand.
public struct MapCanvas: Sendable {
  /// Of every picture.
  public let size: PixelSize
  /// The image by itself, in the pictures' size; nil where it is not at hand.
  public let image: RGBImage?
  private let grid: PatchGrid
  /// For each pixel of a column, and of a row; nil beside the patches.
  private let rows: [GridNeighbours?]
  private let columns: [GridNeighbours?]
  /// [height, width]: how bright the image is.
  private let brightness: [UInt8]

  /// How much of a map's colour covers the image.
  private static let cover: Float = 0.65
  /// What the image fades to where no patch is.
  private static let faded: Float = 200
  private static let fading: Float = 0.75
  /// How bright white is below a map, so that the dark end of the scale stays dark on it.
  private static let white: Float = 0.7

  /// - Parameters:
  ///   - longerSide: of the pictures, in pixels.
  public init(
    _ image: RGBImage, _ placement: InputPlacement, _ grid: PatchGrid, longerSide: Int,
    _ interpolation: MapInterpolation
  ) {
    size = PixelSize(height: image.height, width: image.width).scaled(toLongerSide: longerSide)
    let shown = image.resized(to: size)
    self.image = shown
    self.grid = grid
    rows = GridNeighbours.all(
      pixelCount: size.height, showing: image.height, placement.vertical, patchLength: grid.patchHeight,
      count: grid.height, interpolation)
    columns = GridNeighbours.all(
      pixelCount: size.width, showing: image.width, placement.horizontal, patchLength: grid.patchWidth,
      count: grid.width, interpolation)
    brightness = (0..<size.pixelCount).map { pixel in
      // ITU-R BT.601, as Pillow's "L".
      let (red, green, blue) = (
        Int(shown.pixels[3 * pixel]), Int(shown.pixels[3 * pixel + 1]), Int(shown.pixels[3 * pixel + 2])
      )
      return UInt8((299 * red + 587 * green + 114 * blue) / 1000)
    }
  }

  /// For maps alone.
  public init(_ grid: PatchGrid, longerSide: Int, _ interpolation: MapInterpolation) {
    let input = grid.inputSize
    size = input.scaled(toLongerSide: longerSide)
    image = nil
    self.grid = grid
    let whole = InputPlacement.Side(scale: 1, origin: 0)
    rows = GridNeighbours.all(
      pixelCount: size.height, showing: input.height, whole, patchLength: grid.patchHeight,
      count: grid.height, interpolation)
    columns = GridNeighbours.all(
      pixelCount: size.width, showing: input.width, whole, patchLength: grid.patchWidth, count: grid.width,
      interpolation)
    brightness = []
  }

  /// A map's picture.
  ///
  /// - Parameters:
  ///   - values: [P], row by row.
  ///   - largest: what has the brightest colour; 0 has the darkest.
  public func picture(of values: [Float], largest: Float) -> RGBImage {
    precondition(values.count == grid.patchCount, "\(values.count) values of \(grid.patchCount) patches")
    let factor = largest > 0 ? 1 / largest : 0
    let table = ColourScale.table
    let cover = brightness.isEmpty ? 1 : Self.cover
    let pixels = [UInt8](unsafeUninitializedCapacity: 3 * size.pixelCount) { out, count in
      for y in 0..<size.height {
        for x in 0..<size.width {
          let pixel = y * size.width + x
          let gray = brightness.isEmpty ? 0 : Float(brightness[pixel])
          guard let row = rows[y], let column = columns[x] else {
            let value = UInt8(gray + Self.fading * (Self.faded - gray))
            for channel in 0..<3 { out[3 * pixel + channel] = value }
            continue
          }
          let shade = Self.white * gray
          let colour = 3 * ColourScale.index(of: factor * value(values, row, column))
          for channel in 0..<3 {
            out[3 * pixel + channel] = UInt8(shade + cover * (Float(table[colour + channel]) - shade))
          }
        }
      }
      count = 3 * size.pixelCount
    }
    return RGBImage(height: size.height, width: size.width, pixels: pixels)
  }

  private func value(_ values: [Float], _ row: GridNeighbours, _ column: GridNeighbours) -> Float {
    func along(_ line: Int) -> Float {
      let start = line * grid.width
      let (first, second) = (values[start + column.first], values[start + column.second])
      return first + column.share * (second - first)
    }
    let (above, below) = (along(row.first), along(row.second))
    return above + row.share * (below - above)
  }
}
