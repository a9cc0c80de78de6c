import Compute
import Images
import Testing

@Suite struct PNGTests {
  @Test(arguments: [(1, 1), (1, 700), (700, 1), (37, 53)])
  func whatIsWrittenIsRead(height: Int, width: Int) throws {
    var generator = SeededGenerator(seed: 1)
    let pixels = (0..<3 * height * width).map { _ in UInt8(generator.bounded(256)) }
    let image = RGBImage(height: height, width: width, pixels: pixels)
    let bytes = try PNG.encode(image)
    #expect(try bytes.withUnsafeBytes { try ImageDecoder.decode($0, subject: "picture") } == image)
  }
}
