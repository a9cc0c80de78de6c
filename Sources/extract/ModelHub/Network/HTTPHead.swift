import CCurl
import Foundation

/// The beginning of an answer: its status and its headers.
struct HTTPHead: Sendable {
  let status: Int
  private var headers: [String: String] = [:]

  /// - Parameter line: the first line, as in `HTTP/1.1 200 OK`.
  init?(statusLine line: String) {
    let words = line.split(separator: " ")
    guard line.hasPrefix("HTTP/"), words.count >= 2, let status = Int(words[1]) else { return nil }
    self.status = status
  }

  /// The first header of this name, which is in lower case.
  subscript(name: String) -> String? { headers[name] }

  mutating func add(line: String) {
    guard let colon = line.firstIndex(of: ":") else { return }
    let name = line[..<colon].lowercased()
    if headers[name] == nil {
      headers[name] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespacesAndNewlines)
    }
  }

  var isSuccess: Bool { 200...299 ~= status }
  var isRedirect: Bool { [301, 302, 303, 307, 308].contains(status) && self["location"] != nil }

  /// The bytes that follow; nil where the server does not say.
  var contentLength: Int? { self["content-length"].flatMap(Int.init).flatMap { $0 >= 0 ? $0 : nil } }

  /// Of an answer with a part of a file: where the part begins, and how long the whole is where that is said.
  var contentRange: (start: Int, total: Int?)? {
    guard let text = self["content-range"], text.hasPrefix("bytes ") else { return nil }
    let parts = text.dropFirst(6).split(separator: "/")
    guard parts.count == 2, let start = parts[0].split(separator: "-").first.flatMap({ Int($0) }), start >= 0
    else { return nil }
    return (start, Int(parts[1]))
  }

  /// How long the server asks to be left alone.
  var retryAfter: Duration? {
    guard let text = self["retry-after"] else { return nil }
    if let seconds = Int(text), 0...1_000_000 ~= seconds { return .seconds(seconds) }
    let date = curl_getdate(text, nil)
    return date < 0 ? nil : .seconds(max(0, Double(date) - Date().timeIntervalSince1970))
  }
}
