import Files
import Foundation

/// Requests that follow redirects, try again and keep a secret for the server that it is for.
final class WebSession {
  /// What is sent to one server, as the header `Authorization`.
  struct Secret {
    /// ``WebAddress/origin``
    let origin: String
    let text: String
  }

  /// The heads of an answer: of the redirects that led to it, then its own.
  struct Answer {
    var heads: [HTTPHead]
    /// Where the last one came from.
    var address: WebAddress

    var head: HTTPHead { heads[heads.count - 1] }

    /// A header of the first head that has it.
    func first(_ name: String) -> String? { heads.lazy.compactMap { $0[name] }.first }
  }

  let limits: TransferLimits
  private let client: HTTPClient
  private let checkStop: () throws -> Void

  private static let mostRedirects = 10

  init(_ settings: ConnectionSettings, checkStop: @escaping () throws -> Void) {
    limits = settings.limits
    client = HTTPClient(settings, checkStop: checkStop)
    self.checkStop = checkStop
  }

  /// Sends a request, and again to where redirects lead; a HEAD request stays with the server that it was for, as what
  /// is asked for is what that server says of a file.
  ///
  /// - Throws: ``HTTPFailure``, also for answers that are no success, and what the receiver throws.
  func send(
    _ request: HTTPClient.Request, secret: Secret?, receiver: any AnswerReceiver
  ) throws -> Answer {
    var request = request
    let headers = request.headers
    var heads: [HTTPHead] = []
    for _ in 0...Self.mostRedirects {
      request.headers = headers
      if let secret, secret.origin == request.address.origin {
        request.headers.append("Authorization: \(secret.text)")
      }
      let head = try client.perform(request, receiver: receiver)
      heads.append(head)
      guard head.isRedirect, let location = head["location"] else {
        guard head.isSuccess else { throw HTTPFailure.status(head, request.address) }
        return Answer(heads: heads, address: request.address)
      }
      let next = try request.address.resolving(location)
      guard next.scheme == "https" || request.address.scheme == "http" else {
        throw InputError(
          request.address.publicText, "redirects from https:// to http://, which is not followed")
      }
      if request.method == .head, next.origin != request.address.origin {
        return Answer(heads: heads, address: request.address)
      }
      request.address = next
    }
    throw InputError(request.address.publicText, "redirects more than \(Self.mostRedirects) times")
  }

  /// Tries until it works, fails for good, or has failed too often without any progress.
  ///
  /// - Parameters:
  ///   - progress: a number that grows with what has been received.
  ///   - onFailure: told of each failure that is followed by another attempt, and of the time between.
  func retrying<Result>(
    progress: () -> Int = { 0 }, onFailure: (HTTPFailure, Duration) -> Void, _ body: () throws -> Result
  ) throws -> Result {
    var failureCount = 0
    var reached = progress()
    while true {
      do {
        return try body()
      } catch let failure as HTTPFailure {
        let now = progress()
        if now > reached { failureCount = 0 }
        failureCount += 1
        // A server that has answered before is there; its network may come back.
        let mayRecover = failure.isTransient || now > 0 && failure.isConnectionFailure
        let delay = failure.retryAfter ?? limits.delay(failureCount: failureCount)
        guard mayRecover, failureCount < limits.attemptCount, delay <= limits.longestRequestedDelay else {
          throw failure
        }
        reached = now
        onFailure(failure, delay)
        try wait(delay)
      }
    }
  }

  /// Waits, and looks every now and then whether the user wants to stop.
  func wait(_ time: Duration) throws {
    let end = ContinuousClock.now + time
    while true {
      try checkStop()
      let left = end - .now
      guard left > .zero else { return }
      Thread.sleep(forTimeInterval: min(left, .milliseconds(100)) / .seconds(1))
    }
  }
}
