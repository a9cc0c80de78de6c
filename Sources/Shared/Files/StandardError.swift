#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where diagnostics and progress go; results go to standard output.
package enum StandardError {
  /// Whether a person watches, rather than a file or a pipe, on a terminal that can move its cursor.
  package static var isTerminal: Bool {
    guard isatty(STDERR_FILENO) == 1, let kind = getenv("TERM") else { return false }
    return !["", "dumb"].contains(String(cString: kind))
  }

  /// Nil where it is no terminal or does not know.
  package static var terminalSize: (columns: Int, rows: Int)? {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
      return nil
    }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Writes text as it is, unbuffered. A reader that has gone away is no error.
  package static func write(_ text: String) {
    // Nobody is left to be told where it fails.
    try? writeInOrder(Array(text.utf8), to: STDERR_FILENO, "standard error")
  }
}
