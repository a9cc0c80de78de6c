import Files
import Foundation
import Images
import TestSupport
import Testing

struct DecodingTests {
  @Test func decodesEveryKindOfFileAsPillowDoes() throws {
    let fixtures = try ImageFixtures()
    #expect(fixtures.names.count > 60)
    for name in fixtures.names {
      let image = try decode(try fixtures.contents(name))
      let expected = try fixtures.image(name)
      #expect(image.height == expected.height && image.width == expected.width, "\(name)")
      #expect(image.pixels == expected.pixels, "\(name)")
    }
  }

  @Test(arguments: ["photograph.png", "photograph.JPEG", "photograph", "photograph.webp"])
  func looksAtContentsAndNotAtNames(name: String) throws {
    let fixtures = try ImageFixtures()
    let folder = try TemporaryFolder()
    for fixture in ["rgb-444.jpg", "rgba-8.png"] {
      let path = try folder.write(try fixtures.contents(fixture), to: name)
      #expect(try ImageDecoder.decode(path) == fixtures.image(fixture))
    }
  }

  @Test func saysWhatAFileIsInstead() {
    func error(_ text: String) -> String { decodingError(Array(text.utf8))?.description ?? "decoded" }
    let remedy = "PatchBank reads JPEG and PNG: convert or remove it"
    #expect(error("RIFF\u{1}\u{2}\u{3}\u{4}WEBPVP8 ") == "image: is a WebP image; \(remedy)")
    #expect(error("GIF89a....") == "image: is a GIF image; \(remedy)")
    #expect(error("BM......") == "image: is a BMP image; \(remedy)")
    #expect(error("II*\0....") == "image: is a TIFF image; \(remedy)")
    #expect(error("\0\0\0 ftypavif") == "image: is an AVIF image; \(remedy)")
    #expect(error("P6 2 2 255 ") == "image: is a Netpbm image; \(remedy)")
    #expect(error("<!DOCTYPE html>") == "image: is an HTML, XML or SVG document; \(remedy)")
    #expect(error("version https://git-lfs.github.com/spec/v1") == "image: is a Git LFS pointer; \(remedy)")
    #expect(error("") == "image: is an empty file; \(remedy)")
    #expect(error("\0\0\0\0\0\0") == "image: is a file of zeros; \(remedy)")
    #expect(error("hello") == "image: is not an image that is known here; \(remedy)")
  }

  @Test func namesTheFileInErrors() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([], to: "nothing.jpg")
    #expect(
      throws: InputError(
        path, "is an empty file", remedy: "PatchBank reads JPEG and PNG: convert or remove it")
    ) {
      try ImageDecoder.decode(path)
    }
    #expect(throws: InputError.self) { try ImageDecoder.decode(folder.file("missing.jpg")) }
    #expect(throws: InputError(folder.path, "is not a regular file")) { try ImageDecoder.decode(folder.path) }
  }

  @Test func doesNotWaitForAPipe() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("pipe.jpg")
    try checked(path, "make") { mkfifo(path, 0o600) }
    #expect(throws: InputError(path, "is not a regular file")) { try ImageDecoder.decode(path) }
  }
}
