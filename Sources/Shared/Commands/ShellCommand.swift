/// A command as a shell takes it.
public enum ShellCommand {
  private static let plain = Set(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,:=+@%")

  /// Words with spaces between; those that the shell would read otherwise in quotes.
  public static func line(_ words: [String]) -> String {
    words.map { word in
      !word.isEmpty && word.allSatisfy(plain.contains) ? word : "'\(word.replacing("'", with: "'\\''"))'"
    }.joined(separator: " ")
  }
}
