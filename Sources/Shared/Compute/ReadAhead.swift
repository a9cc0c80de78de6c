import Dispatch
import Synchronization

/// Asks for images or rows some time before their turn, so that no thread that computes waits for a disk.
///
/// The operating system's page cache is the queue: what is asked for is read there, and `distance` bounds it.
package final class ReadAhead: Sendable {
  private let permits = DispatchSemaphore(value: 0)
  private let isStopped = Atomic(false)
  private let ended = DispatchGroup()

  /// - Parameter request: called with 0 ..< count in order, on a thread of its own, at most `distance` ahead of the
  ///   number of calls of ``advance()``.
  package init(count: Int, distance: Int, _ request: @escaping @Sendable (Int) -> Void) {
    // Not as the semaphore's first value: Dispatch forbids to let go of one that is below that.
    for _ in 0..<distance { permits.signal() }
    ended.enter()
    DispatchQueue(label: "read ahead").async { [self] in
      defer { ended.leave() }
      for index in 0..<count {
        permits.wait()
        if isStopped.load(ordering: .relaxed) { return }
        request(index)
      }
    }
  }

  /// Says that one more of them is taken.
  package func advance() { permits.signal() }

  /// Returns when nothing is asked for any more.
  package func stop() {
    isStopped.store(true, ordering: .relaxed)
    permits.signal()
    ended.wait()
  }
}
