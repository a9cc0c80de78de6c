import Files
import Foundation
import Synchronization
import TestSupport

import ModelHub

/// A hub with one repository, `lab/vit`, and a server of its own for large files, as the real one has.
final class FakeHub: Sendable {
  typealias Reply = TestServer.Reply
  typealias Request = TestServer.Request

  struct File: Sendable {
    let bytes: [UInt8]
    /// The name of its blob: SHA-256 for large files, Git's hash for small ones.
    let etag: String
    let isLarge: Bool
  }

  /// What a test does to answers.
  struct Interference: Sendable {
    /// A part of the target.
    let target: String
    var method: String?
    /// How many answers it is for.
    var count = Int.max
    let change: @Sendable (Request, inout Reply) -> Void
  }

  static let commit = String(repeating: "c0ffee00", count: 5)

  let hub: TestServer
  let storage: TestServer
  let files: [String: File]
  private let interferences: Shared

  private final class Shared: Sendable {
    let list = Mutex<[Interference]>([])

    func apply(_ request: Request, _ reply: Reply) -> Reply {
      var reply = reply
      list.withLock { list in
        for index in list.indices
        where request.target.contains(list[index].target) && list[index].count > 0
          && list[index].method ?? request.method == request.method
        {
          list[index].count -= 1
          list[index].change(request, &reply)
        }
      }
      return reply
    }
  }

  /// - Parameters:
  ///   - large: files that are stored elsewhere.
  ///   - small: files that the hub has itself.
  init(
    large: [String: [UInt8]] = ["model.safetensors": FakeHub.weights],
    small: [String: String] = ["config.json": #"{"architecture": "vit"}"#, "README.md": "A model."]
  ) throws {
    let folder = try TemporaryFolder()
    var files: [String: File] = [:]
    for (name, bytes) in large {
      let etag = try SHA256.hexadecimal(ofFile: folder.write(bytes, to: "file"))
      files[name] = File(bytes: bytes, etag: etag, isLarge: true)
    }
    for (name, text) in small {
      let etag = try GitBlob.hexadecimal(ofFile: folder.write(Array(text.utf8), to: "file"))
      files[name] = File(bytes: Array(text.utf8), etag: etag, isLarge: false)
    }
    self.files = files
    let shared = Shared()
    interferences = shared
    let known = files
    storage = try TestServer { request in
      let file = known.values.first { request.target == "/stored/\($0.etag)?signature=1" }
      return shared.apply(request, file.map { Self.part($0.bytes, request) } ?? Reply(404))
    }
    let storageOrigin = storage.origin
    hub = try TestServer { request in
      shared.apply(request, Self.answer(request, known, storageOrigin))
    }
  }

  /// Half a million bytes that are no two alike in a row.
  static let weights = (0..<500_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 11) }

  /// Changes answers from now on.
  func interfere(
    _ target: String, method: String? = nil, count: Int = .max,
    _ change: @escaping @Sendable (Request, inout Reply) -> Void
  ) {
    interferences.list.withLock {
      $0.append(Interference(target: target, method: method, count: count, change: change))
    }
  }

  /// Answers as they are again.
  func behave() { interferences.list.withLock { $0 = [] } }

  private static func answer(_ request: Request, _ files: [String: File], _ storage: String) -> Reply {
    let repository = "lab/vit"
    for revision in ["main", "v1", commit, "refs%2Fpr%2F1"]
    where request.target == "/api/models/\(repository)/revision/\(revision)" {
      let siblings = files.keys.sorted().map { ["rfilename": $0] }
      let body = try! JSONSerialization.data(withJSONObject: ["sha": commit, "siblings": siblings])
      return Reply(200, ["Content-Type": "application/json"], Array(body))
    }
    let prefix = "/\(repository)/resolve/\(commit)/"
    let target = request.target.removingPercentEncoding!
    guard target.hasPrefix(prefix) else { return Reply(404, ["X-Error-Code": "RepoNotFound"]) }
    guard let file = files[String(target.dropFirst(prefix.count))] else {
      return Reply(404, ["X-Error-Code": "EntryNotFound"])
    }
    guard file.isLarge else {
      var reply = part(file.bytes, request)
      reply.headers["ETag"] = "\"\(file.etag)\""
      reply.headers["X-Repo-Commit"] = commit
      return reply
    }
    return Reply(
      302,
      [
        "Location": "\(storage)/stored/\(file.etag)?signature=1", "X-Repo-Commit": commit,
        "X-Linked-Etag": "\"\(file.etag)\"", "X-Linked-Size": "\(file.bytes.count)",
        "ETag": "\"of the pointer\"",
      ])
  }

  /// A file, or what is asked for of it.
  static func part(_ bytes: [UInt8], _ request: Request) -> Reply {
    guard let start = request.rangeStart else { return Reply(200, [:], bytes) }
    guard start < bytes.count else { return Reply(416, ["Content-Range": "bytes */\(bytes.count)"]) }
    return Reply(
      206, ["Content-Range": "bytes \(start)-\(bytes.count - 1)/\(bytes.count)"], Array(bytes[start...]))
  }
}

/// A user's machine with nothing on it.
struct Machine {
  let folder: TemporaryFolder
  var variables: [String: String]
  let events = Events()

  final class Events: Sendable {
    let list = Mutex<[DownloadEvent]>([])
    var notices: [String] {
      list.withLock { $0 }.compactMap { if case .notice(let text) = $0 { text } else { nil } }
    }
  }

  /// - Parameter endpoint: of the hub.
  init(endpoint: String) throws {
    folder = try TemporaryFolder()
    variables = ["HOME": folder.path, "HF_HOME": folder.file("hf"), "HF_ENDPOINT": endpoint]
  }

  var cache: HubCache { HubCache(path: folder.file("hf/hub")) }

  /// Time-outs that suit a server which is a function call away.
  static var limits: TransferLimits {
    var limits = TransferLimits()
    limits.connectTimeout = .seconds(2)
    limits.stallTimeout = .milliseconds(400)
    limits.attemptCount = 4
    limits.firstDelay = .milliseconds(5)
    limits.longestRequestedDelay = .seconds(2)
    return limits
  }

  func locator(
    limits: TransferLimits = Machine.limits, checkStop: @escaping () throws -> Void = {}
  ) -> ModelLocator {
    let events = events
    return ModelLocator(
      environment: HubEnvironment(variables), userAgent: "test/1", limits: limits,
      onEvent: { event in events.list.withLock { $0.append(event) } }, checkStop: checkStop)
  }

  func locate(_ name: String) throws -> LocatedModel { try locator().locate(name) }

  /// What a search that must fail says.
  func failure(_ name: String) -> String {
    do {
      return "found \(try locate(name))"
    } catch {
      return "\(error)"
    }
  }

  /// Puts a file into the cache as huggingface_hub does.
  func store(
    _ file: String, _ bytes: [UInt8], etag: String, commit: String = FakeHub.commit, ref: String? = "main"
  ) throws {
    let repository = "hf/hub/models--lab--vit"
    try folder.write(bytes, to: "\(repository)/blobs/\(etag)")
    let path = folder.file("\(repository)/snapshots/\(commit)/\(file)")
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    let up = String(repeating: "../", count: 1 + file.split(separator: "/").count)
    try FileManager.default.createSymbolicLink(
      atPath: path, withDestinationPath: "\(up)blobs/\(etag)")
    if let ref { try folder.write(Array(commit.utf8), to: "\(repository)/refs/\(ref)") }
  }
}
