import Compute
import Files
import Images
import TestSupport
import Testing

/// Files that were cut short, damaged or made to do harm: an error each, or an image of the size that the header says.
struct HostileImageTests {
  @Test(arguments: [
    "rgb-420.jpg", "rgb-420-progressive.jpg", "size-8x8.jpg", "rgb-8.png", "palette-4-interlaced.png",
  ])
  func refusesFilesThatWereCutShort(name: String) throws {
    let fixtures = try ImageFixtures()
    let contents = try fixtures.contents(name)
    let whole = try fixtures.image(name)
    for (count, isWhole) in try fixtures.whole(name).enumerated() {
      let part = Array(contents.prefix(count))
      if isWhole && (name.hasSuffix(".jpg") || count == contents.count) {
        #expect(try decode(part) == whole, "\(count) bytes")
      } else if isWhole {
        // Pillow asks for no more of a PNG than its last row; libpng may want the rest of the chunk that holds it.
        let image = try? decode(part)
        #expect(image == nil || image == whole, "\(count) bytes")
      } else if count > 8 {
        let kind = name.hasSuffix(".jpg") ? "JPEG" : "PNG"
        #expect(decodingError(part)?.reason == "is a truncated \(kind) image", "\(count) bytes")
      } else {
        #expect(decodingError(part) != nil, "\(count) bytes")
      }
    }
  }

  @Test(arguments: [
    "rgb-420.jpg", "gray-progressive.jpg", "cmyk.jpg", "rgb-8.png", "palette-4-interlaced.png",
  ])
  func survivesFlippedBits(name: String) throws {
    let contents = try ImageFixtures().contents(name)
    var generator = SeededGenerator(seed: 20)
    for _ in 0..<1500 {
      var damaged = contents
      for _ in 0...generator.bounded(4) {
        damaged[Int(generator.bounded(UInt64(damaged.count)))] ^= 1 << UInt8(generator.bounded(8))
      }
      do {
        let image = try decode(damaged)
        #expect(image.pixels.count == image.height * image.width * 3)
      } catch {
        #expect(!error.reason.isEmpty)
      }
    }
  }

  @Test func survivesRandomBytesBehindASignature() throws {
    var generator = SeededGenerator(seed: 21)
    for signature: [UInt8] in [[0xFF, 0xD8, 0xFF], [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]] {
      for count in 0..<500 {
        let noise = (0..<count).map { _ in UInt8(generator.bounded(256)) }
        #expect(decodingError(signature + noise) != nil)
      }
    }
  }

  @Test func refusesEnormousHeaders() throws {
    let fixtures = try ImageFixtures()
    let jpeg = try fixtures.contents("rgb-420.jpg")
    #expect(
      decodingError(try jpegWithSize(jpeg, height: 65_500, width: 65_500))?.reason
        == "claims 65500x65500 pixels, more than the 178956970 that are accepted")
    #expect(
      decodingError(try jpegWithSize(jpeg, height: 13_000, width: 13_000))?.reason
        == "claims 13000x13000 pixels, which its \(jpeg.count) bytes cannot hold")
    // Pillow decodes around an end of image that comes too early, and so does this.
    #expect(try decode(try jpegWithSize(jpeg, height: 4000, width: 4000)).width == 4000)
    #expect(decodingError(try jpegWithSize(jpeg, height: 0, width: 40)) != nil)
    let png = try fixtures.contents("rgb-8.png")
    #expect(
      decodingError(pngWithSize(png, height: 0x7FFF_FFFF, width: 0x7FFF_FFFF))?.reason
        == "claims 2147483647x2147483647 pixels, more than the 178956970 that are accepted")
    #expect(
      decodingError(pngWithSize(png, height: 13_000, width: 13_000))?.reason
        == "claims 13000x13000 pixels, which its \(png.count) bytes cannot hold")
    #expect(decodingError(pngWithSize(png, height: 100, width: 100))?.reason.contains("PNG image") == true)
    #expect(decodingError(pngWithSize(png, height: 0, width: 1)) != nil)
    #expect(decodingError(pngWithSize(png, height: 0xFFFF_FFFF, width: 1)) != nil)
  }

  @Test func refusesKindsOfJPEGThatNobodyReads() throws {
    let jpeg = try ImageFixtures().contents("rgb-420.jpg")
    var deep = jpeg
    deep[try frameHeader(jpeg) + 4] = 12
    #expect(decodingError(deep) != nil)
    var lossless = jpeg
    lossless[try frameHeader(jpeg) + 1] = 0xC3
    #expect(decodingError(lossless) != nil)
  }

  @Test func decodesOnManyThreads() throws {
    let fixtures = try ImageFixtures()
    let files = try fixtures.names.map { (try fixtures.contents($0), try fixtures.image($0)) }
    try Parallel(threadCount: 4).forEach(files.count * 8) { index, _ in
      let (contents, expected) = files[index % files.count]
      let image = try decode(contents)
      #expect(image == expected)
    }
  }

  /// Where the frame's marker, FF C0, stands.
  private func frameHeader(_ jpeg: [UInt8]) throws -> Int {
    try #require(jpeg.indices.dropLast().first { jpeg[$0] == 0xFF && jpeg[$0 + 1] == 0xC0 })
  }

  private func jpegWithSize(_ jpeg: [UInt8], height: Int, width: Int) throws -> [UInt8] {
    let start = try frameHeader(jpeg) + 5
    var result = jpeg
    result.replaceSubrange(
      start..<start + 4,
      with: [UInt8(height >> 8), UInt8(height & 255), UInt8(width >> 8), UInt8(width & 255)])
    return result
  }

  private func pngWithSize(_ png: [UInt8], height: UInt32, width: UInt32) -> [UInt8] {
    var result = png
    for (index, value) in [width, height].enumerated() {
      for byte in 0..<4 {
        result[16 + index * 4 + byte] = UInt8(truncatingIfNeeded: value >> (24 - 8 * byte))
      }
    }
    var checksum: UInt32 = 0xFFFF_FFFF
    for byte in result[12..<29] {
      checksum ^= UInt32(byte)
      for _ in 0..<8 { checksum = checksum & 1 == 1 ? checksum >> 1 ^ 0xEDB8_8320 : checksum >> 1 }
    }
    for byte in 0..<4 { result[29 + byte] = UInt8(truncatingIfNeeded: ~checksum >> (24 - 8 * byte)) }
    return result
  }
}
