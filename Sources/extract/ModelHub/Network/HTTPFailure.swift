/// Why a request brought no file; what a user reads of it is written where it is known what was asked for.
enum HTTPFailure: Error, Sendable {
  /// No connection: names, networks, proxies.
  case unreachable(String)
  /// A connection that cannot be trusted.
  case insecure(String)
  /// A connection that ended before the answer did.
  case broken(String)
  case stalled(Duration)
  /// An answer that is no success.
  case status(HTTPHead, WebAddress)

  /// Whether the same request may succeed some seconds later.
  var isTransient: Bool {
    switch self {
    case .unreachable, .insecure: false
    case .broken, .stalled: true
    case .status(let head, _): head.status == 408 || head.status == 429 || head.status >= 500
    }
  }

  var isConnectionFailure: Bool {
    if case .unreachable = self { true } else { false }
  }

  var retryAfter: Duration? {
    guard case .status(let head, _) = self else { return nil }
    return head.retryAfter
  }

  /// What happened, in a few words.
  var reason: String {
    switch self {
    case .unreachable(let detail), .insecure(let detail), .broken(let detail): detail
    case .stalled(let time): "nothing has come for \(time.formatted)"
    case .status(let head, let address): "\(address.host) answers with status \(head.status)"
    }
  }
}

extension Duration {
  /// `30 s`
  var formatted: String {
    let seconds = self / .seconds(1)
    return seconds == seconds.rounded() ? "\(Int(seconds)) s" : "\((seconds * 10).rounded() / 10) s"
  }
}
