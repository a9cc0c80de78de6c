import Files

/// Brings a file to this machine: into a part file beside its place, which an interrupted run leaves and the next one
/// goes on with, then, checked, under its name.
final class FileDownload {
  struct Source {
    let address: WebAddress
    let secret: WebSession.Secret?
    /// For messages.
    let name: String
    /// Where it is known.
    let byteCount: Int?
    let hash: ContentHash?
  }

  private let source: Source
  private let part: PartFile
  private let session: WebSession
  private let onNotice: (String) -> Void
  /// Says for a user what a failure means.
  private let explain: (HTTPFailure) -> InputError

  init(
    _ source: Source, part: PartFile, session: WebSession, onNotice: @escaping (String) -> Void,
    explain: @escaping (HTTPFailure) -> InputError
  ) {
    self.source = source
    self.part = part
    self.session = session
    self.onNotice = onNotice
    self.explain = explain
  }

  /// Downloads what is missing and gives the file its name.
  func run(to path: String) throws {
    // What an earlier run left may be from another time of the file; only the hash tells.
    let wasResumed = part.count > 0
    // Nothing is left of a download that never began.
    defer { if part.count == 0 { part.remove() } }
    try receive()
    if let fault = try source.hash?.fault(of: part.path) {
      guard wasResumed else { throw refusal(fault) }
      onNotice("\(source.name): what an earlier run had left does not fit: \(fault); starting again")
      try part.reset()
      try receive()
      if let fault = try source.hash?.fault(of: part.path) { throw refusal(fault) }
    }
    try part.finish(as: path)
  }

  private func refusal(_ fault: String) -> InputError {
    part.remove()
    return InputError(
      source.name, "what \(source.address.host) sends is not the file: \(fault)",
      remedy: "run the same command again; if it happens again, a proxy or a mirror may change files")
  }

  private func receive() throws {
    do {
      try session.retrying(
        progress: { part.progress },
        onFailure: { failure, delay in
          onNotice("\(source.name): \(failure.reason); trying again in \(delay.formatted)")
        }, attempt)
    } catch let failure as HTTPFailure {
      throw explain(failure)
    }
  }

  private func attempt() throws {
    if let byteCount = source.byteCount {
      if part.count == byteCount { return }
      if part.count > byteCount { try part.reset() }
    }
    do {
      _ = try session.send(
        HTTPClient.Request(address: source.address, headers: part.requestHeaders), secret: source.secret,
        receiver: part)
    } catch HTTPFailure.status(let head, _) where head.status == 416 && part.count > 0 {
      try part.reset()
      throw HTTPFailure.broken("the server has no more than is here already, and this is not the file")
    }
    try part.requireWhole()
  }
}
