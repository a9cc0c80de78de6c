import CCurl

/// Sends one request at a time with libcurl, and keeps its connections for the next ones.
final class HTTPClient {
  struct Request {
    enum Method { case get, head }

    var method = Method.get
    var address: WebAddress
    /// Lines, as in `Range: bytes=10-`.
    var headers: [String] = []
  }

  private let settings: ConnectionSettings
  /// Throws where the user wants to stop.
  private let checkStop: () throws -> Void
  private let multi: UnsafeMutableRawPointer

  private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  init(_ settings: ConnectionSettings, checkStop: @escaping () throws -> Void) {
    guard Self.isReady, let multi = curl_multi_init() else { preconditionFailure("libcurl does not start") }
    self.settings = settings
    self.checkStop = checkStop
    self.multi = multi
  }

  deinit { curl_multi_cleanup(multi) }

  /// Sends a request and receives the answer. A redirect is an answer like others.
  ///
  /// - Parameter receiver: gets the bytes of an answer that is a success; those of others are passed over.
  /// - Throws: ``HTTPFailure`` where no whole answer comes, and whatever the receiver or the user's wish to stop throws.
  func perform(_ request: Request, receiver: any AnswerReceiver) throws -> HTTPHead {
    let transfer = try Transfer(request, settings, receiver)
    curl_multi_add_handle(multi, transfer.handle)
    defer { curl_multi_remove_handle(multi, transfer.handle) }
    var running: Int32 = 0
    repeat {
      let status = curl_multi_perform(multi, &running)
      guard status == CURLM_OK else { throw HTTPFailure.broken(String(cString: curl_multi_strerror(status))) }
      guard running > 0 else { break }
      try checkStop()
      if transfer.idleTime > settings.limits.stallTimeout {
        throw HTTPFailure.stalled(settings.limits.stallTimeout)
      }
      curl_multi_poll(multi, nil, 0, 100, nil)
    } while true
    var result = CURLE_OK
    guard pb_curl_next_result(multi, &result) == 1 else {
      preconditionFailure("libcurl ended a transfer without a result")
    }
    return try transfer.head(result)
  }
}

/// Who receives the bytes of an answer.
protocol AnswerReceiver: AnyObject {
  /// Called once, before the first byte, where the answer is a success.
  func begin(_ head: HTTPHead) throws
  func receive(_ bytes: UnsafeRawBufferPointer) throws
}
