import Images
import Overlays
import Reporting
import Testing

@Suite struct MapCanvasTests {
  private let grid = PatchGrid(height: 2, width: 3, patchHeight: 4, patchWidth: 4)

  private func gray(_ height: Int, _ width: Int, _ value: UInt8 = 90) -> RGBImage {
    RGBImage(height: height, width: width, pixels: Array(repeating: value, count: 3 * height * width))
  }

  private func pixel(_ image: RGBImage, _ y: Int, _ x: Int) -> [UInt8] {
    Array(image.pixels[3 * (y * image.width + x)..<3 * (y * image.width + x) + 3])
  }

  /// The colour of a number, as it lies on gray.
  private func covered(_ value: Float, gray: Float = 90) -> [UInt8] {
    let index = 3 * ColourScale.index(of: value)
    let shade = 0.7 * gray
    return ColourScale.table[index..<index + 3].map { UInt8(shade + 0.65 * (Float($0) - shade)) }
  }

  @Test func mapsAloneShowEachPatchInItsPlace() {
    let canvas = MapCanvas(grid, longerSide: 36, .nearest)
    #expect(canvas.size == PixelSize(height: 24, width: 36) && canvas.image == nil)
    let values: [Float] = [0, 1, 2, 3, 4, 5]
    let picture = canvas.picture(of: values, largest: 5)
    for row in 0..<2 {
      for column in 0..<3 {
        let index = 3 * ColourScale.index(of: values[3 * row + column] / 5)
        for (y, x) in [(0, 0), (11, 11), (6, 6)] {
          #expect(
            pixel(picture, 12 * row + y, 12 * column + x) == Array(ColourScale.table[index..<index + 3]))
        }
      }
    }
  }

  /// A crop of 8 x 12 from the middle of 16 x 24: patches lie there and nowhere else.
  @Test func patchesLieOnThePixelsThatTheyWereCutFrom() throws {
    let preprocessing = try Preprocessing(
      resize: PixelSize(height: 16, width: 24), crop: PixelSize(height: 8, width: 12))
    let image = gray(16, 24)
    let canvas = MapCanvas(
      image, preprocessing.placement(of: PixelSize(height: 16, width: 24)), grid, longerSide: 24, .nearest)
    let picture = canvas.picture(of: [1, 0, 0, 0, 0, 0.5], largest: 1)
    for y in 0..<16 {
      for x in 0..<24 {
        let isInside = (4..<12).contains(y) && (6..<18).contains(x)
        let value: Float = y < 8 && x < 10 ? 1 : y >= 8 && x >= 14 ? 0.5 : 0
        let expected = isInside ? covered(value) : [UInt8](repeating: UInt8(90 + 0.75 * 110), count: 3)
        #expect(pixel(picture, y, x) == expected, "\(y), \(x)")
      }
    }
  }

  @Test func betweenCentresValuesChangeEvenly() throws {
    let row = PatchGrid(height: 1, width: 2, patchHeight: 8, patchWidth: 8)
    let canvas = MapCanvas(row, longerSide: 16, .bilinear)
    let picture = canvas.picture(of: [0, 1], largest: 1)
    for x in 0..<16 {
      let value = min(max((Float(x) + 0.5 - 4) / 8, 0), 1)
      let index = 3 * ColourScale.index(of: value)
      #expect(pixel(picture, 3, x) == Array(ColourScale.table[index..<index + 3]), "\(x)")
    }
  }

  @Test func aMapOfZerosIsDarkAndNotAnError() {
    let picture = MapCanvas(grid, longerSide: 32, .bilinear).picture(
      of: [Float](repeating: 0, count: 6), largest: 0)
    #expect(pixel(picture, 5, 5) == Array(ColourScale.table.prefix(3)))
  }

  @Test func picturesKeepTheProportionsOfImages() throws {
    let preprocessing = try Preprocessing(inputSize: PixelSize(side: 8))
    for (height, width) in [(30, 10), (10, 30), (1, 500), (7, 7)] {
      let size = PixelSize(height: height, width: width)
      let canvas = MapCanvas(
        gray(height, width), preprocessing.placement(of: size),
        PatchGrid(height: 2, width: 2, patchHeight: 4, patchWidth: 4), longerSide: 60, .bilinear)
      #expect(max(canvas.size.height, canvas.size.width) == 60)
      let picture = canvas.picture(of: [1, 1, 1, 1], largest: 1)
      #expect((picture.height, picture.width) == (canvas.size.height, canvas.size.width))
    }
  }
}
