#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A system error number in words.
package func systemErrorText(_ number: Int32 = errno) -> String {
  // strerror's buffer is per thread in every C library that Swift runs on.
  String(cString: strerror(number))
}

/// Turns the status of a system call into a thrown error; repeats a call that a signal interrupted.
///
/// - Parameters:
///   - subject: the file that the call works on.
///   - doing: what is being done to it, as in "cannot \(doing)".
/// - Returns: what the call returned, which is not -1.
@discardableResult
package func checked<Status: FixedWidthInteger & SignedInteger>(
  _ subject: String, _ doing: String, _ call: () -> Status
) throws(InputError) -> Status {
  while true {
    let status = call()
    if status != -1 { return status }
    let number = errno
    if number == EINTR { continue }
    throw InputError(subject, "cannot \(doing): \(systemErrorText(number))", remedy: remedy(for: number))
  }
}

/// What helps where a disk is full.
package let fullDiskRemedy = "free some space, then run the same command again"

private func remedy(for number: Int32) -> String? {
  switch number {
  case ENOSPC, EDQUOT: fullDiskRemedy
  case EACCES, EPERM: "check the permissions of the file and of its folder"
  case EMFILE, ENFILE: "raise the limit of open files (ulimit -n)"
  default: nil
  }
}

/// Writes all bytes to what takes them one after the other. A reader that has gone away has seen enough, which is no
/// error.
///
/// - Parameters:
///   - number: of an open file.
///   - subject: what it is.
func writeInOrder(_ bytes: [UInt8], to number: Int32, _ subject: String) throws(InputError) {
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = try checked(subject, "write") {
      let count = rest.withUnsafeBytes { write(number, $0.baseAddress!, $0.count) }
      return count == -1 && errno == EPIPE ? rest.count : count
    }
    rest = rest.dropFirst(count)
  }
}
