import Files

/// Asks the hub about a repository.
final class HubClient {
  /// A repository at a revision.
  struct Listing {
    let commit: String
    let files: Set<String>
  }

  /// A file at a commit.
  struct FileDescription {
    let etag: String
    let byteCount: Int?
  }

  let endpoint: WebAddress
  let reference: HubReference
  let session: WebSession
  let secret: WebSession.Secret?
  private let failures: HubFailures
  private let onNotice: (String) -> Void

  private static let longestListing = 32 << 20

  /// - Parameter alternatives: what else the name may have meant.
  init(
    _ reference: HubReference, endpoint: WebAddress, token: HubEnvironment.Token?, alternatives: String?,
    session: WebSession, onNotice: @escaping (String) -> Void
  ) {
    self.reference = reference
    self.endpoint = endpoint
    self.session = session
    self.onNotice = onNotice
    secret = token.map { WebSession.Secret(origin: endpoint.origin, text: "Bearer \($0.text)") }
    failures = HubFailures(
      reference: reference, endpoint: endpoint, tokenOrigin: token?.origin, alternatives: alternatives)
  }

  /// The repository's files, and the commit that its revision is at.
  func listing() throws -> Listing {
    let address = try endpoint.appending([
      "api", "models", reference.repository.owner, reference.repository.name, "revision", reference.revision,
    ])
    let answer = CollectedAnswer(limit: Self.longestListing, subject: "\(reference)")
    _ = try asking(file: nil) {
      try session.send(HTTPClient.Request(address: address), secret: secret, receiver: answer)
    }
    let contents = try CanonicalJSON.decode(
      ListingContents.self, from: answer.bytes, subject: address.publicText)
    guard HubCache.isCommit(contents.sha) else {
      throw InputError(
        address.publicText, "names no commit", remedy: "check whether HF_ENDPOINT is the address of a hub")
    }
    return Listing(commit: contents.sha, files: Set((contents.siblings ?? []).map(\.path)))
  }

  private struct ListingContents: Decodable {
    struct File: Decodable {
      let path: String

      enum CodingKeys: String, CodingKey { case path = "rfilename" }
    }

    let sha: String
    let siblings: [File]?
  }

  /// The file's size and the tag that it has in the cache.
  func description(of file: String, commit: String) throws -> FileDescription {
    let nothing = CollectedAnswer(limit: 0, subject: file)
    let answer = try asking(file: file) {
      try session.send(
        HTTPClient.Request(method: .head, address: address(of: file, commit: commit)), secret: secret,
        receiver: nothing)
    }
    // A large file's own tag is with the redirect to the place where it is stored.
    let tag = answer.first("x-linked-etag") ?? answer.head["etag"]
    guard let etag = tag.flatMap(Self.normalized) else {
      throw InputError(
        "\(reference)", "the server does not say which version of \(file) it has",
        remedy: "check whether HF_ENDPOINT is the address of a hub")
    }
    let size = answer.first("x-linked-size").flatMap(Int.init)
    let length = answer.head.isSuccess ? answer.head.contentLength : nil
    return FileDescription(etag: etag, byteCount: size.flatMap { $0 >= 0 ? $0 : nil } ?? length)
  }

  func address(of file: String, commit: String) throws(InputError) -> WebAddress {
    try endpoint.appending(
      [reference.repository.owner, reference.repository.name, "resolve", commit]
        + file.split(separator: "/").map(String.init))
  }

  /// What a failure means for the user.
  func explain(_ failure: HTTPFailure, file: String?) -> InputError { failures.error(failure, file: file) }

  private func asking<Result>(file: String?, _ body: () throws -> Result) throws -> Result {
    do {
      return try session.retrying(
        onFailure: { failure, delay in
          onNotice("\(reference): \(failure.reason); trying again in \(delay.formatted)")
        }, body)
    } catch let failure as HTTPFailure {
      throw explain(failure, file: file)
    }
  }

  /// A tag as it names files in the cache; nil where it cannot.
  private static func normalized(_ etag: String) -> String? {
    var tag = Substring(etag)
    if tag.hasPrefix("W/") { tag = tag.dropFirst(2) }
    if tag.hasPrefix("\""), tag.hasSuffix("\""), tag.count > 2 { tag = tag.dropFirst().dropLast() }
    let isName = tag.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
        true
      default: false
      }
    }
    return isName && 1...128 ~= tag.utf8.count && tag.first != "." ? String(tag) : nil
  }
}
