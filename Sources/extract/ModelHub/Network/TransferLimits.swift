/// How long to wait for a server, and how often to ask it again.
public struct TransferLimits: Sendable {
  /// For a connection to come about.
  public var connectTimeout: Duration = .seconds(15)
  /// Without a byte, before a transfer is given up.
  public var stallTimeout: Duration = .seconds(30)
  /// Of a request, one after the other without any progress.
  public var attemptCount = 6
  /// Before the second attempt; twice as long before each further one.
  public var firstDelay: Duration = .seconds(1)
  public var longestDelay: Duration = .seconds(30)
  /// The longest wait that a server may ask for.
  public var longestRequestedDelay: Duration = .seconds(300)

  public init() {}

  /// - Parameter failureCount: attempts that have failed, from 1.
  func delay(failureCount: Int) -> Duration {
    // Processes that failed together must not come back together.
    let jitter = Double.random(in: 0.75...1.25)
    return min(longestDelay, firstDelay * Double(1 << min(failureCount - 1, 20))) * jitter
  }
}
