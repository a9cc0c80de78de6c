import CImageCodecs
import Files

/// Reads JPEG (gray, RGB, CMYK, progressive or not) and PNG (all kinds) as Pillow's `open(path).convert("RGB")` does.
///
/// Orientation tags, colour profiles, gamma and transparency are ignored, as there. Damage that Pillow decodes around is
/// decoded around; a file that ends before its pixels do is refused. Nothing is kept between calls: any number of
/// threads may decode at once.
public enum ImageDecoder {
  /// As many pixels as Pillow accepts before it takes a file for an attack.
  public static let largestPixelCount = 178_956_970

  /// Decodes a file.
  ///
  /// - Throws: ``InputError`` that names the file and says what it is instead of an image, or what is wrong with it.
  public static func decode(_ path: String) throws(InputError) -> RGBImage {
    let file = try MappedFile(path)
    return try decode(file.bytes, subject: path)
  }

  /// Decodes a file's contents.
  ///
  /// - Parameter subject: what errors call the file.
  public static func decode(_ bytes: UnsafeRawBufferPointer, subject: String) throws(InputError) -> RGBImage {
    guard let format = ImageFormat(bytes) else {
      throw InputError(
        subject, "is \(ImageFormat.describe(bytes))",
        remedy: "PatchBank reads JPEG and PNG: convert or remove it")
    }
    let codec = Codec(format: format, bytes: bytes, subject: subject)
    let header = try codec.readHeader()
    let (width, height) = (Int(header.width), Int(header.height))
    // Both lie below 2^32, so their product fits into 64 bits.
    guard width * height <= largestPixelCount else {
      throw InputError(
        subject, "claims \(width)x\(height) pixels, more than the \(largestPixelCount) that are accepted")
    }
    guard UInt64(bytes.count) >= header.least_file_bytes else {
      throw InputError(
        subject, "claims \(width)x\(height) pixels, which its \(bytes.count) bytes cannot hold",
        remedy: Codec.remedy)
    }
    return RGBImage(height: height, width: width, pixels: try codec.decode(header))
  }
}

/// One file in the hands of the library for its format.
private struct Codec {
  let format: ImageFormat
  let bytes: UnsafeRawBufferPointer
  let subject: String

  static let remedy = "replace it by a good copy or remove it"

  private var start: UnsafePointer<UInt8>? { bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) }

  func readHeader() throws(InputError) -> pb_image_header {
    var header = pb_image_header()
    var failure = pb_image_failure()
    let read = format == .jpeg ? pb_jpeg_read_header : pb_png_read_header
    try check(read(start, bytes.count, &header, &failure), failure)
    // libpng refuses empty images itself; libjpeg leaves a height of zero to a marker that nobody writes.
    guard header.width > 0, header.height > 0 else {
      throw InputError(subject, "is a \(format.rawValue) image without pixels", remedy: Self.remedy)
    }
    return header
  }

  /// - Returns: the pixels, [height, width, 3]. Memory that no row reaches is never touched.
  func decode(_ header: pb_image_header) throws(InputError) -> [UInt8] {
    var header = header
    var failure = pb_image_failure()
    var status = PB_IMAGE_OK
    let count = Int(header.width) * Int(header.height) * 3
    let decode = format == .jpeg ? pb_jpeg_decode : pb_png_decode
    let pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      status = decode(start, bytes.count, &header, buffer.baseAddress, &failure)
      initializedCount = status == PB_IMAGE_OK ? count : 0
    }
    try check(status, failure)
    return pixels
  }

  private func check(_ status: pb_image_status, _ failure: pb_image_failure) throws(InputError) {
    let detail = withUnsafeBytes(of: failure.message) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    let name = format.rawValue
    switch status {
    case PB_IMAGE_OK: return
    case PB_IMAGE_TRUNCATED:
      throw InputError(subject, "is a truncated \(name) image", remedy: Self.remedy)
    case PB_IMAGE_UNSUPPORTED:
      throw InputError(
        subject, "is a \(name) image with \(detail), which is not read",
        remedy: "convert it to an 8-bit RGB image")
    case PB_IMAGE_NO_MEMORY:
      throw InputError(subject, "needs more memory to decode than there is")
    default:
      throw InputError(
        subject, "is a damaged \(name) image" + (detail.isEmpty ? "" : " (\(detail))"), remedy: Self.remedy)
    }
  }
}
