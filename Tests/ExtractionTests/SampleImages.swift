import CImageCodecs
import Compute
import Foundation
import TestSupport

/// Small random photographs in class folders.
enum SampleImages {
  /// Writes `count` images of varying sizes in three classes below `train`, the last of each class in a subfolder.
  static func write(_ count: Int, to folder: TemporaryFolder) throws {
    var generator = SeededGenerator(seed: 7)
    for index in 0..<count {
      let (width, height) = (18 + Int(generator.bounded(20)), 18 + Int(generator.bounded(20)))
      let name = "images/train/\(["cat", "dog", "eel"][index % 3])/\(index).jpg"
      try folder.write(jpeg(width, height, &generator), to: name)
    }
  }

  /// A file that is named like an image and holds none.
  static func writeBroken(_ name: String, to folder: TemporaryFolder) throws {
    try folder.write(Array("RIFF\u{1}\u{0}\u{0}\u{0}WEBPVP8 not a JPEG".utf8), to: "images/train/\(name)")
  }

  static func jpeg(_ width: Int, _ height: Int, _ generator: inout SeededGenerator) throws -> [UInt8] {
    let pixels = (0..<width * height * 3).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    var encoded: UnsafeMutablePointer<UInt8>?
    var count = 0
    var message = [CChar](repeating: 0, count: 256)
    let status = pb_jpeg_encode_rgb(pixels, Int32(width), Int32(height), 90, &encoded, &count, &message)
    precondition(status == 0, "libjpeg cannot encode a sample")
    defer { free(encoded) }
    return Array(UnsafeBufferPointer(start: encoded, count: count))
  }
}

/// Every file of a folder and its bytes.
func contents(of folder: String) throws -> [String: [UInt8]] {
  var result: [String: [UInt8]] = [:]
  for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
    result[name] = try bytes(ofFile: folder + "/" + name)
  }
  return result
}
