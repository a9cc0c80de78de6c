import Foundation
import Synchronization

/// An HTTP server on the loopback interface that does what a test tells it to, mistakes included.
final class TestServer: Sendable {
  struct Request: Sendable {
    let method: String
    /// With the query.
    let target: String
    /// By their names in lower case.
    let headers: [String: String]

    /// The first byte that is asked for; nil where all are.
    var rangeStart: Int? {
      headers["range"].flatMap { Int($0.dropFirst("bytes=".count).prefix { $0 != "-" }) }
    }
  }

  struct Reply: Sendable {
    var status = 200
    var headers: [String: String] = [:]
    var body: [UInt8] = []
    /// What the head says of the length; nil for the truth, -1 for nothing.
    var announcedLength: Int?
    /// The bytes of the body after which the connection ends or, with a pause, goes on late.
    var breakAfter: Int?
    var pause: Double?
    /// Sends the body in pieces of this many bytes, with a pause of a hundredth of a second between.
    var pieceLength: Int?

    init(_ status: Int = 200, _ headers: [String: String] = [:], _ body: [UInt8] = []) {
      self.status = status
      self.headers = headers
      self.body = body
    }
  }

  let port: UInt16
  private let listener: Int32
  private let handler: @Sendable (Request) -> Reply
  private let log = Mutex<[Request]>([])

  init(_ handler: @escaping @Sendable (Request) -> Reply) throws {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(listener, pointer, length) | listen(listener, 64) | getsockname(listener, pointer, &length)
      }
    }
    guard status == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
    port = UInt16(bigEndian: address.sin_port)
    self.handler = handler
    Thread.detachNewThread { [weak self] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        guard let self else {
          close(connection)
          return
        }
        Thread.detachNewThread { self.serve(connection) }
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  var origin: String { "http://127.0.0.1:\(port)" }

  var requests: [Request] { log.withLock { $0 } }

  private func serve(_ connection: Int32) {
    defer { close(connection) }
    guard let request = readRequest(connection) else { return }
    log.withLock { $0.append(request) }
    let reply = handler(request)
    var head = "HTTP/1.1 \(reply.status) Reply\r\nConnection: close\r\n"
    for (name, value) in reply.headers.sorted(by: { $0.key < $1.key }) { head += "\(name): \(value)\r\n" }
    let length = reply.announcedLength ?? reply.body.count
    if length >= 0 { head += "Content-Length: \(length)\r\n" }
    guard send(Array((head + "\r\n").utf8), connection), request.method != "HEAD" else { return }
    guard let end = reply.breakAfter else {
      _ = send(reply.body, connection, pieceLength: reply.pieceLength)
      return
    }
    guard send(Array(reply.body.prefix(end)), connection), let pause = reply.pause else { return }
    Thread.sleep(forTimeInterval: pause)
    _ = send(Array(reply.body.dropFirst(end)), connection)
  }

  private func readRequest(_ connection: Int32) -> Request? {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while !bytes.suffix(4).elementsEqual(Array("\r\n\r\n".utf8)) {
      guard recv(connection, &byte, 1, 0) == 1 else { return nil }
      // Who begins otherwise does not speak HTTP.
      guard bytes.count > 0 || byte >= UInt8(ascii: "A") else { return nil }
      bytes.append(byte)
    }
    let lines = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ").map(String.init)
    let headers = lines.dropFirst().compactMap { line -> (String, String)? in
      guard let colon = line.firstIndex(of: ":") else { return nil }
      return (
        line[..<colon].lowercased(), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      )
    }
    return Request(method: words[0], target: words[1], headers: Dictionary(headers) { first, _ in first })
  }

  private func send(_ bytes: [UInt8], _ connection: Int32, pieceLength: Int? = nil) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = min(pieceLength ?? bytes.count, bytes.count - done)
      let sent = bytes.withUnsafeBytes {
        Foundation.send(connection, $0.baseAddress! + done, count, Int32(MSG_NOSIGNAL))
      }
      guard sent > 0 else { return false }
      done += sent
      if pieceLength != nil { Thread.sleep(forTimeInterval: 0.01) }
    }
    return true
  }
}
