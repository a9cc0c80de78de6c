import CImageCodecs
import Files

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writes images as PNG files, which hold every pixel as it is.
public enum PNG {
  /// - Throws: where libpng cannot encode the image, which it can but for want of memory.
  public static func encode(_ image: RGBImage) throws(InputError) -> [UInt8] {
    var encoded: UnsafeMutablePointer<UInt8>?
    var count = 0
    var message = [CChar](repeating: 0, count: 256)
    let status = pb_png_encode_rgb(
      image.pixels, UInt32(image.width), UInt32(image.height), &encoded, &count, &message)
    guard status == 0, let encoded else {
      let text = message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
      throw InputError("libpng", "cannot encode an image of \(image.width)x\(image.height) pixels: \(text)")
    }
    defer { free(encoded) }
    return Array(UnsafeBufferPointer(start: encoded, count: count))
  }
}
