import Compute

/// Measures rates. Of several repetitions the fastest counts: what else the machine does can only slow one down.
struct Stopwatch {
  let seconds: Double
  let parallel: Parallel

  private static let clock = ContinuousClock()
  /// Long against the clock and the start of threads, short against the whole.
  private static let sampleSeconds = 0.02

  static func time(_ body: () throws -> Void) rethrows -> Double {
    try clock.measure(body) / .seconds(1)
  }

  /// - Parameter amount: what one call of `body` does.
  /// - Returns: amounts a second.
  func rate(of amount: Double, _ body: () -> Void) -> Double {
    body()
    let callsPerSample = max(1, Int(Self.sampleSeconds / Self.time(body)))
    return amount * Double(callsPerSample) / fastest { for _ in 0..<callsPerSample { body() } }
  }

  /// The same on all threads at once, each of which calls `body` with its number.
  func rateOnAllThreads(of amount: Double, _ body: @Sendable (_ worker: Int) -> Void) throws -> Double {
    body(0)
    let count = max(1, Int(Self.sampleSeconds / Self.time { body(0) }))
    let threadCount = parallel.threadCount
    let fastest = try fastest {
      try parallel.forEach(threadCount) { _, worker in for _ in 0..<count { body(worker) } }
    }
    return amount * Double(count * threadCount) / fastest
  }

  private func fastest(_ sample: () throws -> Void) rethrows -> Double {
    let start = Self.clock.now
    var best = Double.infinity
    repeat { best = min(best, try Self.time(sample)) } while (Self.clock.now - start) / .seconds(1) < seconds
    return best
  }
}
