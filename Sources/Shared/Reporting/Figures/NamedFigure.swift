import Files

/// A figure with the name that its files have.
public struct NamedFigure: Sendable {
  /// Without an ending; what file systems dislike in it is replaced.
  public let fileName: String
  public let figure: any Figure
  public let caption: String

  public init(fileName: String, figure: any Figure, caption: String) {
    self.fileName = fileName
    self.figure = figure
    self.caption = caption
  }

  /// Writes each figure as SVG and as PNG.
  ///
  /// - Parameter folder: made where it is missing.
  public static func write(_ figures: [NamedFigure], to folder: String) throws(InputError) {
    try Folder.create(folder)
    let names = fileNames(figures.map(\.fileName))
    for (name, figure) in zip(names, figures) { try figure.figure.write(to: "\(folder)/\(name).svg") }
    for (name, figure) in zip(names, figures) { try figure.figure.writePNG(to: "\(folder)/\(name).png") }
  }

  /// Names of letters, digits, `-`, `_` and points within, each once.
  package static func fileNames(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.map { name in
      let plain = String(
        name.unicodeScalars.prefix(100).map { scalar -> Character in
          let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
          return isPlain || "-_.".unicodeScalars.contains(scalar) ? Character(scalar) : "_"
        })
      let start = plain.isEmpty ? "figure" : plain.hasPrefix(".") ? "_" + plain : plain
      var unique = start
      var number = 2
      // Some file systems do not tell capital letters from small ones.
      while !seen.insert(unique.lowercased()).inserted {
        unique = "\(start)-\(number)"
        number += 1
      }
      return unique
    }
  }
}
