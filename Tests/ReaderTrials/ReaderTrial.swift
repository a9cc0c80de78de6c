import Checkpoints
import Files
import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A reader that is held to its promises: whatever file it is given, it ends in values or in one ``InputError`` of a line's
/// length, and takes little memory beside the file's. Where it does not, the process ends, as fuzzing has it.
public struct ReaderTrial: Sendable {
  public static let readerNames = UntrustedReader.allCases.map(\.rawValue)

  /// Beside four times the file: what a reader may need at once.
  public static let memoryBound = 128 << 20
  private static let longestMessage = 8000

  private let reader: UntrustedReader

  /// - Parameter readerName: one of ``readerNames``.
  public init?(_ readerName: String) {
    guard let reader = UntrustedReader(rawValue: readerName) else { return nil }
    self.reader = reader
  }

  /// - Returns: why the reader refuses the file; nil where it does not.
  @discardableResult public func run(_ path: String) throws(InputError) -> InputError? {
    let byteCount = try MappedFile(path).bytes.count
    let before = Self.peakByteCount()
    var refusal: InputError?
    do {
      try reader.read(path)
    } catch {
      let length = error.description.utf8.count
      precondition(length <= Self.longestMessage, "\(reader): the message is \(length) bytes long")
      refusal = error
    }
    let grown = Self.peakByteCount() - before
    precondition(
      grown <= 4 * byteCount + Self.memoryBound, "\(reader): \(byteCount) bytes took \(grown) bytes of memory"
    )
    return refusal
  }

  /// The most memory that the process has had at once.
  private static func peakByteCount() -> Int {
    var usage = rusage()
    #if os(Linux)
      getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
      return usage.ru_maxrss << 10
    #else
      getrusage(RUSAGE_SELF, &usage)
      return usage.ru_maxrss
    #endif
  }
}
