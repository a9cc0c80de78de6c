import CImageCodecs
import Files
import Foundation

/// Writes images as JPEG files.
package enum JPEG {
  /// Encodes 8-bit interleaved RGB as a baseline JPEG without chroma subsampling.
  ///
  /// - Parameters:
  ///   - pixels: `[height, width, 3]`.
  ///   - quality: libjpeg's, 1 to 100.
  package static func encode(
    _ pixels: [UInt8], width: Int, height: Int, quality: Int
  ) throws(InputError) -> [UInt8] {
    precondition(pixels.count == width * height * 3, "\(pixels.count) bytes are not \(width) x \(height) RGB")
    var encoded: UnsafeMutablePointer<UInt8>?
    var count = 0
    var message = [CChar](repeating: 0, count: 256)
    let status = pb_jpeg_encode_rgb(
      pixels, Int32(width), Int32(height), Int32(quality), &encoded, &count, &message)
    guard status == 0, let encoded else {
      throw InputError(
        "libjpeg",
        "cannot encode an image: \(message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) })")
    }
    defer { free(encoded) }
    return Array(UnsafeBufferPointer(start: encoded, count: count))
  }
}
