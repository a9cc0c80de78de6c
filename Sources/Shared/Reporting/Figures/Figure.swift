import Files

/// A plot: a title, words for those who cannot see it, and a picture.
public protocol Figure: Sendable {
  var title: String { get }
  /// Whose values they are, where plots of several stand beside each other.
  var subject: String? { get }
  /// What the picture shows, in words.
  var alternativeText: String { get }
  var picture: Picture { get }
}

extension Figure {
  public var subject: String? { nil }

  /// Writes a file of its own that browsers show in light or dark, as the viewer prefers.
  public func write(to path: String) throws(InputError) {
    try AtomicFile.write(picture.svgFile, to: path)
  }

  /// Writes the picture in pixels, in light colours on white.
  ///
  /// - Parameter scale: pixels for each of the picture's; 2 suits print and slides.
  public func writePNG(to path: String, scale: Double = 2) throws(InputError) {
    let bytes = try picture.png(scale: scale, subject: path)
    try AtomicFile.write(to: path) { (file) throws(InputError) in try file.write(bytes, at: 0) }
  }
}

/// How large a plot is, in pixels.
public struct PlotSize: Sendable, Equatable {
  public let width: Double
  /// Of plots whose height does not follow from what they show.
  public let height: Double

  /// As wide as a column of text.
  public static let full = PlotSize(width: 720, height: 400)
  /// For two plots beside each other.
  public static let half = PlotSize(width: 460, height: 300)
}
