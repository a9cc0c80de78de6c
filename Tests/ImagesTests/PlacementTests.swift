import Compute
import Images
import Testing

/// Where the crop lies on an image.
@Suite struct PlacementTests {
  struct Geometry: CustomTestStringConvertible, Sendable {
    let image: PixelSize
    let resize: PixelSize
    let crop: PixelSize
    var mode = Preprocessing.CropMode.center

    var testDescription: String { "\(image) to \(resize), \(crop) of it, \(mode)" }
  }

  private static let geometries = [
    Geometry(image: PixelSize(side: 64), resize: PixelSize(side: 64), crop: PixelSize(side: 48)),
    Geometry(
      image: PixelSize(height: 90, width: 200), resize: PixelSize(side: 72), crop: PixelSize(side: 64)),
    Geometry(
      image: PixelSize(height: 300, width: 170), resize: PixelSize(side: 72), crop: PixelSize(side: 63)),
    Geometry(
      image: PixelSize(height: 90, width: 200), resize: PixelSize(height: 60, width: 90),
      crop: PixelSize(height: 48, width: 80)),
    Geometry(
      image: PixelSize(height: 90, width: 200), resize: PixelSize(side: 80), crop: PixelSize(side: 64),
      mode: .squash),
    // Smaller than the crop: zeros surround it.
    Geometry(image: PixelSize(height: 50, width: 60), resize: PixelSize(side: 40), crop: PixelSize(side: 64)),
  ]

  /// A bright column, then a bright row, of which the middle is where the placement has it.
  @Test(arguments: geometries)
  func brightPixelsAreWhereItSays(geometry: Geometry) throws {
    let preprocessing = try Preprocessing(
      resize: geometry.resize, crop: geometry.crop, cropMode: geometry.mode, mean: [0, 0, 0],
      standardDeviation: [1, 1, 1])
    let placement = preprocessing.placement(of: geometry.image)
    let (height, width) = (geometry.image.height, geometry.image.width)
    let bar = 9
    for share in [0.4, 0.5, 0.62] {
      let (top, left) = (Int(Double(height) * share) - bar / 2, Int(Double(width) * share) - bar / 2)
      let across = try center(preprocessing, geometry.image) { y, _ in (top..<top + bar).contains(y) }
      #expect(abs(across.y - placement.vertical.inputPosition(Double(top) + Double(bar) / 2)) < 0.1)
      let along = try center(preprocessing, geometry.image) { _, x in (left..<left + bar).contains(x) }
      #expect(abs(along.x - placement.horizontal.inputPosition(Double(left) + Double(bar) / 2)) < 0.1)
    }
  }

  /// The mean place of what is bright in the input.
  private func center(
    _ preprocessing: Preprocessing, _ size: PixelSize, _ isBright: (_ y: Int, _ x: Int) -> Bool
  ) throws -> (y: Double, x: Double) {
    let pixels = (0..<size.height).flatMap { y in
      (0..<size.width).flatMap { x in [UInt8](repeating: isBright(y, x) ? 240 : 0, count: 3) }
    }
    let input = SharedBuffer<Float>(count: preprocessing.valueCount)
    Preprocessor(preprocessing).apply(
      RGBImage(height: size.height, width: size.width, pixels: pixels), into: input.pointer)
    var (sum, y, x) = (0.0, 0.0, 0.0)
    for place in 0..<preprocessing.crop.pixelCount {
      let weight = Double(input[place])
      sum += weight
      y += weight * (Double(place / preprocessing.crop.width) + 0.5)
      x += weight * (Double(place % preprocessing.crop.width) + 0.5)
    }
    return (y / sum, x / sum)
  }

  @Test func imagesAreResizedAsAWhole() {
    let image = RGBImage(
      height: 2, width: 4, pixels: [UInt8](repeating: 0, count: 12) + [UInt8](repeating: 255, count: 12))
    let larger = image.resized(to: PixelSize(height: 20, width: 40))
    #expect((larger.height, larger.width) == (20, 40))
    #expect(larger.pixels.first == 0 && larger.pixels.last == 255)
    #expect(image.resized(to: PixelSize(height: 2, width: 4)) == image)
    #expect(PixelSize(height: 30, width: 4000).scaled(toLongerSide: 100) == PixelSize(height: 1, width: 100))
  }
}
