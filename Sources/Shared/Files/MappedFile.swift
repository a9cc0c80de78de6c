#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A whole file, mapped read-only. Its bytes live as long as this object does.
///
/// A file that another process cuts short while it is mapped ends this process with SIGBUS, as for every program
/// that maps files. PatchBank itself writes into shards in place, but cuts none; other files it replaces by renaming, but
/// for a run's metrics.jsonl, which is cut where the run goes on.
public final class MappedFile: @unchecked Sendable {  // immutable after init; the mapping is read-only
  public let path: String
  public let bytes: UnsafeRawBufferPointer

  public init(_ path: String) throws(InputError) {
    let descriptor = try Descriptor(path, .read)
    let size = try descriptor.size()
    self.path = path
    guard size > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let address = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor.number, 0)
    guard let address, address != MAP_FAILED else {
      throw InputError(path, "cannot map \(size) bytes: \(systemErrorText())")
    }
    bytes = UnsafeRawBufferPointer(start: address, count: size)
  }

  /// Asks the operating system to read some bytes, and does not wait for them.
  public func prefetch(_ range: Range<Int>) {
    // Linux reads no more of a request than the device's read-ahead, which is 128 KB where nobody has changed it.
    for start in stride(from: range.lowerBound, to: range.upperBound, by: 128 << 10) {
      advise(start..<min(range.upperBound, start + (128 << 10)), Int32(MADV_WILLNEED))
    }
  }

  /// Lets go of the memory that bytes, and others on their pages, take up here; whoever looks at them again has them
  /// read again.
  public func forget(_ range: Range<Int>) { advise(range, Int32(MADV_DONTNEED)) }

  private func advise(_ range: Range<Int>, _ advice: Int32) {
    guard let start = bytes.baseAddress, !range.isEmpty else { return }
    let page = Int(getpagesize())
    let first = range.lowerBound / page * page
    madvise(UnsafeMutableRawPointer(mutating: start + first), range.upperBound - first, advice)
  }

  deinit {
    if let address = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: address), bytes.count) }
  }
}
