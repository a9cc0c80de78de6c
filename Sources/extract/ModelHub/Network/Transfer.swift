import CCurl

/// A request on its way: libcurl's handle and what its callbacks gather.
final class Transfer {
  let handle: UnsafeMutableRawPointer
  private let request: HTTPClient.Request
  private let proxy: String
  private let receiver: any AnswerReceiver
  private let detail = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
  private var headers: UnsafeMutablePointer<curl_slist>?

  private var latest: HTTPHead?
  private var headByteCount = 0
  private var hasBegun = false
  private var passedOverCount = 0
  private var lastActivity = ContinuousClock.now
  /// Why a callback ended the transfer.
  private var failure: (any Error)?

  private static let longestHead = 256 << 10
  /// Of answers that nobody reads: enough that the connection can serve again after a page of an error.
  private static let longestPassedOver = 64 << 10

  init(_ request: HTTPClient.Request, _ settings: ConnectionSettings, _ receiver: any AnswerReceiver) throws {
    guard let handle = curl_easy_init() else { preconditionFailure("libcurl has no memory for a transfer") }
    self.handle = handle
    self.request = request
    self.receiver = receiver
    proxy = settings.proxy(for: request.address)
    detail.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    for line in request.headers + ["Accept-Encoding: identity"] {
      headers = curl_slist_append(headers, line)
    }
    configure(settings)
    setCallbacks()
  }

  deinit {
    curl_easy_cleanup(handle)
    curl_slist_free_all(headers)
    detail.deallocate()
  }

  private func configure(_ settings: ConnectionSettings) {
    func set(_ option: CURLoption, _ value: Int) { pb_curl_set_number(handle, option, value) }
    func set(_ option: CURLoption, _ value: String?) {
      if let value { pb_curl_set_text(handle, option, value) }
    }
    set(CURLOPT_URL, request.address.text)
    set(CURLOPT_USERAGENT, settings.userAgent)
    set(CURLOPT_NOBODY, request.method == .head ? 1 : 0)
    pb_curl_set_list(handle, CURLOPT_HTTPHEADER, headers)
    // A redirect may lead to another server, and whether it learns a secret is decided elsewhere.
    set(CURLOPT_FOLLOWLOCATION, 0)
    // Secrets are ours to send, not those of a file that the library finds.
    set(CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue))
    set(CURLOPT_CONNECTTIMEOUT_MS, Int(settings.limits.connectTimeout / .milliseconds(1)))
    set(CURLOPT_BUFFERSIZE, 256 << 10)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_TCP_KEEPALIVE, 1)
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    set(CURLOPT_PROXY, proxy)
    set(CURLOPT_NOPROXY, settings.proxyExceptions ?? "")
    set(CURLOPT_CAINFO, settings.certificateFile)
    set(CURLOPT_CAPATH, settings.certificateFolder)
    pb_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, detail)
  }

  private func setCallbacks() {
    // The transfer outlives its handle's use: HTTPClient holds it until the handle is out of the queue.
    let context = Unmanaged.passUnretained(self).toOpaque()
    pb_curl_set_pointer(handle, CURLOPT_HEADERDATA, context)
    pb_curl_set_receiver(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
      Transfer.deliver(bytes, size * count, context) { try $0.receiveHeader($1) }
    }
    pb_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
    pb_curl_set_receiver(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      Transfer.deliver(bytes, size * count, context) { try $0.receiveBody($1) }
    }
  }

  /// Hands bytes from libcurl to the transfer behind the context.
  ///
  /// - Returns: their number, or another one, which ends the transfer.
  private static func deliver(
    _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int, _ context: UnsafeMutableRawPointer?,
    _ receive: (Transfer, UnsafeRawBufferPointer) throws -> Void
  ) -> Int {
    let transfer = Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue()
    transfer.lastActivity = .now
    do {
      try receive(transfer, UnsafeRawBufferPointer(start: bytes, count: count))
      return count
    } catch {
      transfer.failure = error
      return count == 0 ? 1 : 0
    }
  }

  private func receiveHeader(_ bytes: UnsafeRawBufferPointer) throws {
    headByteCount += bytes.count
    guard headByteCount <= Self.longestHead else {
      throw HTTPFailure.broken("the answer has no end of headers")
    }
    let line = String(decoding: bytes, as: UTF8.self)
    // An answer may follow another one, such as 100.
    if let head = HTTPHead(statusLine: line) { latest = head } else { latest?.add(line: line) }
  }

  private struct EnoughOfThis: Error {}

  private func receiveBody(_ bytes: UnsafeRawBufferPointer) throws {
    guard let latest, latest.isSuccess else {
      passedOverCount += bytes.count
      if passedOverCount > Self.longestPassedOver { throw EnoughOfThis() }
      return
    }
    try begin(latest)
    try receiver.receive(bytes)
  }

  private func begin(_ head: HTTPHead) throws {
    guard !hasBegun else { return }
    hasBegun = true
    try receiver.begin(head)
  }

  var idleTime: Duration { ContinuousClock.now - lastActivity }

  /// What the transfer came to.
  ///
  /// - Parameter result: libcurl's.
  func head(_ result: CURLcode) throws -> HTTPHead {
    if let failure, !(failure is EnoughOfThis) { throw failure }
    guard result == CURLE_OK || failure != nil else { throw failure(result) }
    guard let latest else { throw HTTPFailure.broken("the answer is not HTTP") }
    if latest.isSuccess { try begin(latest) }
    return latest
  }

  private func failure(_ result: CURLcode) -> HTTPFailure {
    var text = String(cString: detail)
    if text.isEmpty { text = String(cString: curl_easy_strerror(result)) }
    switch result {
    case CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY,
      CURLE_RECV_ERROR where !proxy.isEmpty && latest == nil:
      return .unreachable("\(text), asking the proxy \(proxyText)")
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEDOUT:
      return .unreachable(proxy.isEmpty ? text : "\(text), asking the proxy \(proxyText)")
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CONNECT_ERROR,
      CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CIPHER:
      return .insecure(text)
    default: return .broken(text)
    }
  }

  /// The proxy without a password that it may be given with.
  private var proxyText: String { (try? WebAddress(proxy))?.publicText ?? "of the environment" }
}
