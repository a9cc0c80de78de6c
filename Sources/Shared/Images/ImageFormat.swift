/// The image formats that are read, told apart by their first bytes: names of files promise nothing.
enum ImageFormat: String {
  case jpeg = "JPEG"
  case png = "PNG"

  init?(_ bytes: UnsafeRawBufferPointer) {
    if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      self = .png
    } else {
      return nil
    }
  }

  /// Other kinds of files that lie about in image folders: their first bytes (from an offset) and what they are called.
  private static let others: [(offset: Int, signature: String, name: String)] = [
    (8, "WEBP", "a WebP image"), (0, "GIF8", "a GIF image"), (0, "BM", "a BMP image"),
    (0, "II*\0", "a TIFF image"), (0, "MM\0*", "a TIFF image"), (4, "ftypavif", "an AVIF image"),
    (4, "ftypheic", "a HEIC image"), (4, "ftyp", "an ISO media file"), (4, "jP  ", "a JPEG 2000 image"),
    (4, "JXL ", "a JPEG XL image"), (0, "P1", "a Netpbm image"), (0, "P2", "a Netpbm image"),
    (0, "P3", "a Netpbm image"), (0, "P4", "a Netpbm image"), (0, "P5", "a Netpbm image"),
    (0, "P6", "a Netpbm image"), (0, "%PDF", "a PDF document"), (0, "PK", "a ZIP archive"),
    (0, "<", "an HTML, XML or SVG document"), (0, "version https://git-lfs", "a Git LFS pointer"),
  ]

  /// What a file that is neither JPEG nor PNG seems to be, as in "is \(description)".
  static func describe(_ bytes: UnsafeRawBufferPointer) -> String {
    if bytes.isEmpty { return "an empty file" }
    if bytes.allSatisfy({ $0 == 0 }) { return "a file of zeros" }
    let other = others.first { bytes.dropFirst($0.offset).starts(with: $0.signature.utf8) }
    return other?.name ?? "not an image that is known here"
  }
}
