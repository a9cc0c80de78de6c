import Dispatch
import Synchronization

/// Does one thing at a time beside the caller's own work. Its error is thrown where the next begins or the caller waits.
package final class BackgroundStep: Sendable {
  private let queue = DispatchQueue(label: "background step")
  private let running = DispatchGroup()
  private let failure = Mutex<(any Error)?>(nil)

  package init() {}

  /// Begins a step once the one before has ended.
  package func start(_ body: @escaping @Sendable () throws -> Void) throws {
    try wait()
    queue.async(group: running) { [self] in
      do {
        try body()
      } catch {
        failure.withLock { $0 = error }
      }
    }
  }

  /// Whether there is an error that nobody has been thrown yet: nothing should be begun that takes long.
  package var hasFailed: Bool { failure.withLock { $0 != nil } }

  /// Waits for the step that is going on, if any.
  package func wait() throws {
    running.wait()
    let failure = failure.withLock { failure in
      defer { failure = nil }
      return failure
    }
    if let failure { throw failure }
  }
}
