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
  /// An error stops the taking of further indices. After the join that of the lowest index is rethrown, which is the
  /// same one for any number of threads.
  public func forEach(
    _ count: Int, _ body: @Sendable (_ index: Int, _ worker: Int) throws -> Void
  ) throws {
    try run(count, body)
  }

  /// The results of `body(index)` for every index in `0 ..< count`, in the order of the indices.
  ///
  /// An error stops it as in ``forEach(_:_:)``.
  public func map<Element: Sendable, Failure>(
    _ count: Int, _ body: @Sendable (_ index: Int) throws(Failure) -> Element
  ) throws(Failure) -> [Element] {
    let elements = Mutex([Element?](repeating: nil, count: max(0, count)))
    try run(count) { (index, _) throws(Failure) in
      let element = try body(index)
      elements.withLock { $0[index] = element }
    }
    return elements.withLock { $0.map { $0! } }
  }

  private func run<Failure>(
    _ count: Int, _ body: @Sendable (_ index: Int, _ worker: Int) throws(Failure) -> Void
  ) throws(Failure) {
    let workers = min(threadCount, count)
    guard workers > 1 else {
      for index in 0..<max(0, count) { try body(index, 0) }
      return
    }
    let next = Atomic(0)
    // Indices are taken in order, so that whatever fails first, no lower one is left out.
    let failure = Mutex<(index: Int, error: Failure)?>(nil)
    // More blocks than processors are run one after the other by Dispatch; the loop over indices makes that harmless.
    DispatchQueue.concurrentPerform(iterations: workers) { worker in
      while true {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard index < count else { return }
        do throws(Failure) {
          try body(index, worker)
        } catch {
          failure.withLock { if index < $0?.index ?? .max { $0 = (index, error) } }
          next.store(count, ordering: .relaxed)
          return
        }
      }
    }
    if let failure = failure.withLock({ $0 }) { throw failure.error }
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
