import CFigureRendering
import Files
import Foundation

extension Picture {
  /// The most pixels of a side: no figure is drawn for a wall.
  private static let longestSide = 16384.0

  /// What PNG needs, and where it comes from.
  package static let library = "librsvg 2.46 or newer (apt: librsvg2-2, brew: librsvg)"

  /// Whether this machine has what PNG needs.
  package static var canBecomePNG: Bool { pb_can_draw_svg() == 1 }

  /// The bytes of a PNG file: the picture in light colours on white.
  ///
  /// - Parameter subject: what an error calls the picture.
  package func png(scale: Double, subject: String) throws(InputError) -> [UInt8] {
    let (width, height) = (width * scale, height * scale)
    guard width >= 1, height >= 1, width <= Self.longestSide, height <= Self.longestSide else {
      throw InputError(
        subject,
        "a picture of \(NumberText.fixed(width, 0)) x \(NumberText.fixed(height, 0)) pixels is not drawn",
        remedy: "a side has 1 to \(Int(Self.longestSide)) pixels; the SVG has no such limit")
    }
    let text = Array(svg.utf8)
    var bytes: UnsafeMutablePointer<UInt8>?
    var count = 0
    var message = [CChar](repeating: 0, count: 256)
    let status = pb_png_of_svg(
      text, text.count, FigureStyle.plainCSS, Int32(width.rounded(.up)), Int32(height.rounded(.up)), &bytes,
      &count,
      &message)
    guard status != PB_FIGURE_NO_LIBRARY else {
      throw InputError(
        subject, "PNG needs a library that this machine does not have",
        remedy: "install \(Self.library); SVG needs nothing")
    }
    guard status == PB_FIGURE_OK, let bytes else {
      let reason = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw InputError(subject, "the picture cannot be drawn: \(reason)")
    }
    defer { free(bytes) }
    return Array(UnsafeBufferPointer(start: bytes, count: count))
  }
}
