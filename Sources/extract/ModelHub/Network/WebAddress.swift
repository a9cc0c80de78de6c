import CCurl
import Files
import Foundation

/// The address of something on the web, taken apart by the library that will also send requests to it: two parsers that
/// disagree about a host are how a secret reaches the wrong one.
package struct WebAddress: Equatable, Sendable {
  /// Without user, password and fragment.
  package let text: String
  /// `http` or `https`.
  let scheme: String
  let host: String
  let port: String
  /// Begins with a slash; percent-encoded.
  let path: String
  /// Of a user and a password in the address, as HTTP's basic authentication sends it.
  package let basicAuthorization: String?

  /// - Throws: ``InputError`` for whatever is no address of HTTP.
  package init(_ text: String) throws(InputError) {
    try self.init(parsing: text, relativeTo: nil)
  }

  /// The address that a redirect leads to.
  package func resolving(_ location: String) throws(InputError) -> WebAddress {
    try WebAddress(parsing: location, relativeTo: text)
  }

  /// What secrets are shared with at most: the server behind a scheme, a host and a port.
  package var origin: String { "\(scheme)://\(host):\(port)" }

  /// For reports and records: without the query, in which some servers expect secrets.
  package var publicText: String { String(text.prefix { $0 != "?" }) }

  /// The last part of the path, decoded; nil where there is none that could name a file.
  package var fileName: String? {
    guard let name = path.split(separator: "/").last.flatMap({ Self.decoded(String($0)) }),
      RelativePath.fault(in: name) == nil, !name.contains("/")
    else { return nil }
    return name
  }

  /// The parts of the path, decoded; nil where one cannot be.
  var pathParts: [String]? {
    let parts = path.split(separator: "/").map { Self.decoded(String($0)) }
    return parts.contains(nil) ? nil : parts.compactMap(\.self)
  }

  /// Whether the address is on this machine or in a private network.
  var isLocal: Bool {
    if host == "localhost" || host == "[::1]" || host.hasSuffix(".localhost") || host.hasSuffix(".local") {
      return true
    }
    if host.hasPrefix("[") { return false }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    if parts.count == 1 { return true }
    let numbers = parts.compactMap { UInt8($0) }
    guard parts.count == 4, numbers.count == 4 else { return false }
    return switch (numbers[0], numbers[1]) {
    case (127, _), (10, _), (192, 168), (172, 16...31): true
    default: false
    }
  }

  /// This address with more parts behind its path.
  func appending(_ parts: [String]) throws(InputError) -> WebAddress {
    let base = text.hasSuffix("/") ? String(text.dropLast()) : text
    return try WebAddress(base + parts.map { "/" + Self.encoded($0) }.joined())
  }

  /// A part of a path, with everything encoded that means something in an address.
  static func encoded(_ part: String) -> String {
    part.utf8.reduce(into: "") { text, byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"):
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        text += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
  }

  private static func decoded(_ part: String) -> String? {
    var count: Int32 = 0
    guard let bytes = curl_easy_unescape(nil, part, Int32(part.utf8.count), &count) else { return nil }
    defer { curl_free(bytes) }
    let buffer = UnsafeRawBufferPointer(start: bytes, count: Int(count))
    return String(validating: buffer, as: UTF8.self)
  }

  private init(parsing text: String, relativeTo base: String?) throws(InputError) {
    guard let url = curl_url() else { preconditionFailure("libcurl has no memory for an address") }
    defer { curl_url_cleanup(url) }
    // What the address was asked for is in nobody's message: it may hold a password.
    let subject = base ?? "the address"
    guard text.utf8.count <= Self.longest, !text.utf8.contains(0) else {
      throw InputError(subject, base == nil ? "is no address" : "redirects to what is no address")
    }
    for part in [base, text].compactMap(\.self) {
      let status = curl_url_set(url, CURLUPART_URL, part, 0)
      guard status == CURLUE_OK else {
        let reason = String(cString: pb_curl_address_error(status))
        throw InputError(
          subject, base == nil ? "cannot be read: \(reason)" : "redirects to what is no address: \(reason)")
      }
    }
    func get(_ part: CURLUPart, _ flags: UInt32 = 0) -> String? {
      var bytes: UnsafeMutablePointer<CChar>?
      guard curl_url_get(url, part, &bytes, flags) == CURLUE_OK, let bytes else { return nil }
      defer { curl_free(bytes) }
      return String(cString: bytes)
    }
    let user = get(CURLUPART_USER, UInt32(CURLU_URLDECODE))
    basicAuthorization = user.map { user in
      let password = get(CURLUPART_PASSWORD, UInt32(CURLU_URLDECODE)) ?? ""
      return "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
    }
    for part in [CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_FRAGMENT] { curl_url_set(url, part, nil, 0) }
    let scheme = get(CURLUPART_SCHEME) ?? ""
    guard ["http", "https"].contains(scheme) else {
      throw InputError(subject, "leads to \(scheme)://, which is not the web", remedy: "use https://")
    }
    guard let host = get(CURLUPART_HOST),
      let port = get(CURLUPART_PORT, UInt32(CURLU_DEFAULT_PORT)), let whole = get(CURLUPART_URL)
    else { throw InputError(subject, "has no host") }
    self.text = whole
    self.scheme = scheme
    self.host = host.lowercased()
    self.port = port
    path = get(CURLUPART_PATH) ?? "/"
  }

  private static let longest = 8192
}
