/// Comma-separated values as RFC 4180 has them, but with lines ended by a line feed alone, as everything else here.
public enum CSV {
  /// One line: fields that hold a comma, a quote or a line break are quoted, and quotes in them doubled.
  public static func line(_ fields: [String]) -> String {
    // A single empty field would be an empty line, which readers skip.
    if fields == [""] { return "\"\"\n" }
    return fields.map(quoted).joined(separator: ",") + "\n"
  }

  private static func quoted(_ field: String) -> String {
    let needsQuotes = field.unicodeScalars.contains { [",", "\"", "\n", "\r"].contains($0) }
    return needsQuotes ? "\"" + field.replacing("\"", with: "\"\"") + "\"" : field
  }
}
