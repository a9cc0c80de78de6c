import Dispatch
import Files
import Synchronization

/// The SHA-256 of a checkpoint, taken on a thread of its own: of its file, or where it was split into parts, of the lines
/// that `sha256sum` prints for them in the order of their names.
final class BackgroundDigest: Sendable {
  private let running = DispatchGroup()
  private let digest = Mutex("")

  init(_ files: CheckpointFiles) {
    let parts = files.parts.map(\.file)
    let isSplit = files.index != nil
    DispatchQueue.global().async(group: running) { [self] in
      let text = isSplit ? Self.digest(ofParts: parts) : SHA256.hexadecimal(of: parts[0])
      digest.withLock { $0 = text }
    }
  }

  private static func digest(ofParts parts: [MappedFile]) -> String {
    var hash = SHA256()
    for part in parts {
      let name = part.path[
        (part.path.lastIndex(of: "/").map(part.path.index(after:)) ?? part.path.startIndex)...]
      let line = Array("\(SHA256.hexadecimal(of: part))  \(name)\n".utf8)
      line.withUnsafeBytes { hash.update($0) }
    }
    return hash.hexadecimal()
  }

  /// Returns when the file is not looked at any more.
  func join() { running.wait() }

  /// The digest, once it is there.
  func wait() -> String {
    join()
    return digest.withLock { $0 }
  }
}
