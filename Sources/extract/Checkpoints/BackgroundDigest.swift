import Dispatch
import Files
import Synchronization

/// The SHA-256 of a mapped file, taken on a thread of its own.
final class BackgroundDigest: Sendable {
  private let running = DispatchGroup()
  private let digest = Mutex("")

  init(_ file: MappedFile) {
    DispatchQueue.global().async(group: running) { [self] in
      let text = SHA256.hexadecimal(of: file)
      digest.withLock { $0 = text }
    }
  }

  /// Returns when the file is not looked at any more.
  func join() { running.wait() }

  /// The digest, once it is there.
  func wait() -> String {
    join()
    return digest.withLock { $0 }
  }
}
