import CKernels
import Dispatch
import Synchronization

/// Data parallelism over a fixed number of threads, by Dispatch.
///
/// Work is taken index by index, so which thread does which index is not fixed: a body must write only what belongs
/// to its index, and reductions must go through per-index partial results that are summed in index order. Then
/// results do not depend on the number of threads.
public struct Parallel: Sendable {
  public let threadCount: Int

  /// - Parameter threadCount: the number of threads; by default as many as this process may run on.
  public init(threadCount: Int = Parallel.availableProcessors) {
    precondition(threadCount > 0, "a thread count must be positive, not \(threadCount)")
    self.threadCount = threadCount
  }

  /// The processors that this process may run on: its affinity mask, which containers and schedulers set.
  public static let availableProcessors = Int(pb_cpu_available_processors())

  /// Runs `body(index, worker)` for every index in `0 ..< count`; `worker` in `0 ..< threadCount` names the thread, so
  /// that a body can keep scratch memory per worker. Returns when all are done.
  ///
  /// The first error stops the taking of further indices and is rethrown after the join.
  public func forEach(
    _ count: Int, _ body: @Sendable (_ index: Int, _ worker: Int) throws -> Void
  ) throws {
    let workers = min(threadCount, count)
    guard workers > 1 else {
      for index in 0..<max(0, count) { try body(index, 0) }
      return
    }
    let next = Atomic(0)
    let firstError = Mutex<(any Error)?>(nil)
    // More blocks than processors are run one after the other by Dispatch; the loop over indices makes that harmless.
    DispatchQueue.concurrentPerform(iterations: workers) { worker in
      while true {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard index < count else { return }
        do {
          try body(index, worker)
        } catch {
          firstError.withLock { $0 = $0 ?? error }
          next.store(count, ordering: .relaxed)
          return
        }
      }
    }
    if let error = firstError.withLock({ $0 }) { throw error }
  }

  /// Splits `0 ..< count` into chunks of a fixed length (the last one shorter) and runs `body(chunk, range, worker)`
  /// on each. Chunk borders depend only on `count` and `length`, never on the number of threads.
  public func forEachChunk(
    of count: Int, length: Int,
    _ body: @Sendable (_ chunk: Int, _ range: Range<Int>, _ worker: Int) throws -> Void
  ) throws {
    precondition(length > 0, "a chunk length must be positive, not \(length)")
    try forEach((count + length - 1) / length) { chunk, worker in
      try body(chunk, chunk * length..<min(count, (chunk + 1) * length), worker)
    }
  }
}
