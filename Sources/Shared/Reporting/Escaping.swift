/// Text from file names, class names and caches is not ours: before it reaches a terminal or a page it is made harmless.
extension String {
  /// For HTML and XML, in text and in quoted attributes. What XML cannot hold at all becomes U+FFFD.
  package var escapedForMarkup: String {
    var escaped = ""
    escaped.reserveCapacity(utf8.count)
    for scalar in unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      case "\t", "\n", "\r": escaped.unicodeScalars.append(scalar)
      default:
        let allowed = scalar.properties.generalCategory != .control && scalar.value & 0xFFFE != 0xFFFE
        escaped.unicodeScalars.append(allowed ? scalar : "\u{FFFD}")
      }
    }
    return escaped
  }

  /// On one line of a terminal: control characters, which could move the cursor or end the line, become U+FFFD.
  package var printable: String {
    guard unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return self }
    var printable = ""
    for scalar in unicodeScalars {
      printable.unicodeScalars.append(scalar.properties.generalCategory == .control ? "\u{FFFD}" : scalar)
    }
    return printable
  }
}
