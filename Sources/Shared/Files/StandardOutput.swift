#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where results go.
package enum StandardOutput {
  /// Writes text as it is, unbuffered, so that whoever returns from here has written it. A reader that has seen enough
  /// (`| head`) is no error.
  package static func write(_ text: String) throws(InputError) {
    try writeInOrder(Array(text.utf8), to: STDOUT_FILENO, "standard output")
  }
}
