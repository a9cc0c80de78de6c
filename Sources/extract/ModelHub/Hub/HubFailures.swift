import Files

/// What failures of the hub mean to a user, and what helps.
struct HubFailures {
  let reference: HubReference
  let endpoint: WebAddress
  /// The variable or file that the token is from; nil where none is sent.
  let tokenOrigin: String?
  let alternatives: String?

  /// - Parameter file: what was asked for; nil for the repository.
  func error(_ failure: HTTPFailure, file: String?) -> InputError {
    let subject = "\(reference)"
    if case .status(let head, let address) = failure, address.origin == endpoint.origin,
      let (reason, remedy) = meaning(of: head, file: file)
    {
      return InputError(subject, reason, remedy: remedy)
    }
    return WebFailures.error(failure, subject: subject, endpoint: endpoint)
  }

  private func meaning(of head: HTTPHead, file: String?) -> (reason: String, remedy: String?)? {
    let page = "\(endpoint.publicText)\(endpoint.path.hasSuffix("/") ? "" : "/")\(reference.repository)"
    // The hub says by a word which of several things a status means.
    switch (head.status, head["x-error-code"]) {
    case (_, "GatedRepo"), (403, _):
      return (
        "its owner gives it only to those who have asked for it",
        tokenOrigin.map { "ask at \(page) with the account of the token in \($0)" }
          ?? "ask at \(page), then give your account's token in HF_TOKEN"
      )
    case (_, "RevisionNotFound"):
      return (
        "has no revision '\(reference.revision)'",
        "name a branch, a tag or a whole commit that \(page) has, or none for \(HubReference.defaultRevision)"
      )
    case (_, "EntryNotFound"):
      return ("has no file '\(file ?? "")' at this revision", nil)
    case (401, nil) where tokenOrigin != nil, (401, "InvalidToken"):
      return (
        "the hub does not accept the token in \(tokenOrigin ?? "HF_TOKEN")",
        "make a new one in your account's settings, or take it away where the model is public"
      )
    case (401, _), (404, _):
      let access = tokenOrigin.map { "is not open to the token in \($0)" } ?? "is private"
      let token = tokenOrigin == nil ? "; for a private one give a token in HF_TOKEN" : ""
      return (
        "the hub has no such repository, or it \(access)", alternatives ?? "check the name\(token)"
      )
    default: return nil
    }
  }
}

/// What failures of any server mean to a user, and what helps.
enum WebFailures {
  /// - Parameters:
  ///   - subject: what was asked for.
  ///   - endpoint: the server that was asked.
  static func error(_ failure: HTTPFailure, subject: String, endpoint: WebAddress) -> InputError {
    let host = endpoint.host
    return switch failure {
    case .unreachable(let detail):
      InputError(
        subject, "cannot reach \(host): \(detail)",
        remedy: "check the network, and HTTPS_PROXY or HTTP_PROXY where there is a proxy; "
          + "or download on another machine and give the path")
    case .insecure(let detail):
      InputError(
        subject, "the connection to \(host) cannot be trusted: \(detail)",
        remedy: "where a proxy of your network makes its own certificates, name its file in SSL_CERT_FILE")
    case .broken, .stalled:
      InputError(
        subject, "the connection to \(host) broke again and again, at last because \(failure.reason)",
        remedy: "run the same command again; it goes on with what is here")
    case .status(let head, let address): status(head, address, subject)
    }
  }

  private static func status(_ head: HTTPHead, _ address: WebAddress, _ subject: String) -> InputError {
    let host = address.host
    let (reason, remedy): (String, String?) =
      switch head.status {
      case 401, 403: ("\(host) does not give it to you (status \(head.status))", "check the address")
      case 404, 410: ("\(host) has no such file", "check the address")
      case 407:
        ("the proxy asks for a password", "give it in HTTPS_PROXY, as in http://user:password@host:port")
      case 429:
        (
          "\(host) has had too many requests"
            + (head.retryAfter.map { " and asks to wait for \($0.formatted)" } ?? ""),
          "run the same command again later; a token in HF_TOKEN allows more"
        )
      case 500...: ("\(host) is in trouble (status \(head.status))", "run the same command again later")
      default: ("\(host) answers with status \(head.status)", nil)
      }
    return InputError(subject, reason, remedy: remedy)
  }
}
