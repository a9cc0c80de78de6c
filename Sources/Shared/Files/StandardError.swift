#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where diagnostics and progress go; results go to standard output.
package enum StandardError {
  /// Whether a person watches, rather than a file or a pipe.
  package static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  /// Writes text as it is, unbuffered. A reader that has gone away is no error.
  package static func write(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      var done = 0
      while done < bytes.count {
        #if canImport(Glibc)
          let count = Glibc.write(STDERR_FILENO, bytes.baseAddress! + done, bytes.count - done)
        #elseif canImport(Musl)
          let count = Musl.write(STDERR_FILENO, bytes.baseAddress! + done, bytes.count - done)
        #else
          let count = Darwin.write(STDERR_FILENO, bytes.baseAddress! + done, bytes.count - done)
        #endif
        if count <= 0 { return }
        done += count
      }
    }
  }
}
