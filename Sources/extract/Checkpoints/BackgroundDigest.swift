import Dispatch
import Files
import Synchronization

/// The SHA-256 of a file, taken on a thread of its own.
final class BackgroundDigest: Sendable {
  private let running = DispatchGroup()
  private let digest = Mutex<Result<String, InputError>?>(nil)

  init(ofFile path: String) {
    DispatchQueue.global().async(group: running) { [self] in
      let result = Result { () throws(InputError) in try SHA256.hexadecimal(ofFile: path) }
      digest.withLock { $0 = result }
    }
  }

  /// Returns when the file is not looked at any more.
  func join() { running.wait() }

  /// The digest, once it is there.
  func wait() throws(InputError) -> String {
    join()
    return try digest.withLock { $0! }.get()
  }
}
