import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Room for what may not fit into memory: a file without a name, mapped to be read and written. It is gone with this
/// object, or with the process, however that ends.
///
/// Its pages go to the disk and come back as the system sees fit, so they keep no memory from others.
public final class ScratchFile: @unchecked Sendable {  // as memory: who writes which bytes is up to its users
  /// Zeros at first; aligned to a page.
  public let bytes: UnsafeMutableRawBufferPointer

  /// - Parameter folder: on the disk that has the room.
  /// - Throws: where the disk has not; it is reserved now, so that a full disk does not end the process later.
  public init(byteCount: Int, in folder: String) throws(InputError) {
    precondition(byteCount >= 0, "a file cannot have \(byteCount) bytes")
    try Folder.requireFreeSpace(byteCount, in: folder)
    let path = AtomicFile.temporaryPath(for: folder + "/scratch")
    let descriptor = try Descriptor(path, .create)
    unlink(path)
    guard byteCount > 0 else {
      bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
      return
    }
    do {
      try descriptor.resize(byteCount: byteCount)
      try descriptor.reserve(byteCount: byteCount)
    } catch {
      // Under its own name nobody would find it.
      throw InputError(folder, error.reason + " (a temporary file)", remedy: error.remedy)
    }
    let address = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.number, 0)
    guard let address, address != MAP_FAILED else {
      throw InputError(folder, "cannot map \(byteCount) bytes of a temporary file: \(systemErrorText())")
    }
    bytes = UnsafeMutableRawBufferPointer(start: address, count: byteCount)
  }

  /// Where such files lie that belong to no folder of the user's: TMPDIR, else the system's choice.
  public static var defaultFolder: String {
    let chosen = ProcessInfo.processInfo.environment["TMPDIR"] ?? ""
    return chosen.isEmpty ? NSTemporaryDirectory() : chosen
  }

  deinit {
    if let address = bytes.baseAddress { munmap(address, bytes.count) }
  }
}
