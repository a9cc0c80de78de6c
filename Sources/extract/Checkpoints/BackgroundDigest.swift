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

  /// The digest, once it is there.
  func wait() throws(InputError) -> String {
    running.wait()
    return try digest.withLock { $0! }.get()
  }
}
