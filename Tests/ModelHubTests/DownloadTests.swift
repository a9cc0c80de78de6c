import Files
import Foundation
import Synchronization
import TestSupport
import Testing

import ModelHub

/// Downloads over a bad network, from servers that do as they please: in the end the file is whole, or there is none.
@Suite struct DownloadTests {
  private static let file = "/stored/"

  private func expectWhole(_ machine: Machine, _ hub: FakeHub, _ comment: Comment? = nil) throws {
    let model = try machine.locate("hf-hub:lab/vit")
    #expect(try bytes(ofFile: model.path) == FakeHub.weights, comment)
    #expect(try leftovers(machine).isEmpty)
  }

  /// Parts of files.
  private func leftovers(_ machine: Machine) throws -> [String] {
    let blobs = machine.folder.file("hf/hub/models--lab--vit/blobs")
    return try FileManager.default.contentsOfDirectory(atPath: blobs).filter { $0.contains(".") }
  }

  private func ranges(_ hub: FakeHub) -> [Int?] {
    hub.storage.requests.filter { $0.method == "GET" }.map(\.rangeStart)
  }

  @Test func aConnectionThatBreaksIsGoneOnWith() throws {
    let hub = try FakeHub()
    for _ in 0..<5 { hub.interfere(Self.file, count: 5) { _, reply in reply.breakAfter = 70_000 } }
    let machine = try Machine(endpoint: hub.hub.origin)
    try expectWhole(machine, hub)
    // More breaks than attempts, but progress in between.
    #expect(ranges(hub).compactMap(\.self) == [70_000, 140_000, 210_000, 280_000, 350_000])
    #expect(machine.events.notices.allSatisfy { $0.contains("trying again in") })
  }

  struct Stop: Error {}

  @Test func aStoppedDownloadIsGoneOnWith() throws {
    let hub = try FakeHub()
    let machine = try Machine(endpoint: hub.hub.origin)
    hub.interfere(Self.file, count: 1) { _, reply in
      reply.breakAfter = 200_000
      reply.pause = 2
    }
    let events = machine.events
    #expect(throws: Stop.self) {
      try machine.locator(checkStop: {
        let reached = events.list.withLock { list in
          list.contains { if case .reached(let count) = $0 { count >= 200_000 } else { false } }
        }
        if reached { throw Stop() }
      }).locate("hf-hub:lab/vit")
    }
    #expect(try leftovers(machine).count == 1)
    try expectWhole(machine, hub)
    #expect(ranges(hub) == [nil, 200_000])
    let small = hub.files["config.json"]!.bytes.count
    #expect(
      machine.events.list.withLock { $0 }.contains(
        .started(name: "hf-hub:lab/vit", byteCount: FakeHub.weights.count, alreadyDone: 200_000)), "\(small)")
  }

  /// What a crash or another program may have left as a part.
  @Test(
    arguments: [
      [UInt8](repeating: 9, count: 1000), FakeHub.weights, FakeHub.weights.map { ~$0 },
      FakeHub.weights + [1, 2, 3],
      [],
    ])
  func aPartMayBeAnything(part: [UInt8]) throws {
    let hub = try FakeHub()
    let machine = try Machine(endpoint: hub.hub.origin)
    let etag = hub.files["model.safetensors"]!.etag
    try machine.folder.write(part, to: "hf/hub/models--lab--vit/blobs/\(etag).incomplete")
    try expectWhole(machine, hub)
  }

  @Test func aServerWithoutRangesSendsAllOfIt() throws {
    let hub = try FakeHub()
    hub.interfere(Self.file, count: 1) { _, reply in reply.breakAfter = 100_000 }
    hub.interfere(Self.file) { request, reply in
      if request.rangeStart != nil { reply = TestServer.Reply(200, [:], FakeHub.weights) }
    }
    let machine = try Machine(endpoint: hub.hub.origin)
    try expectWhole(machine, hub)
    #expect(ranges(hub) == [nil, 100_000])
  }

  @Test func aRangeThatIsRefusedStartsAgain() throws {
    let hub = try FakeHub()
    hub.interfere(Self.file, count: 1) { _, reply in reply.breakAfter = 100_000 }
    hub.interfere(Self.file, count: 2) { request, reply in
      if request.rangeStart != nil { reply = TestServer.Reply(416) }
    }
    try expectWhole(try Machine(endpoint: hub.hub.origin), hub)
    #expect(ranges(hub) == [nil, 100_000, nil])
  }

  @Test func anotherPartThanAskedForIsNotTaken() throws {
    let hub = try FakeHub()
    hub.interfere(Self.file, count: 1) { _, reply in reply.breakAfter = 100_000 }
    hub.interfere(Self.file, count: 2) { request, reply in
      if request.rangeStart != nil { reply.headers["Content-Range"] = "bytes 5-499999/500000" }
    }
    try expectWhole(try Machine(endpoint: hub.hub.origin), hub)
  }

  @Test func aServerThatFallsSilentIsAskedAgain() throws {
    let hub = try FakeHub()
    hub.interfere(Self.file, count: 1) { _, reply in
      reply.breakAfter = 123_456
      reply.pause = 3
    }
    let machine = try Machine(endpoint: hub.hub.origin)
    try expectWhole(machine, hub)
    #expect(ranges(hub) == [nil, 123_456])
    #expect(machine.events.notices.contains { $0.contains("nothing has come for 0.4 s") })
  }

  @Test func aSlowServerIsWaitedFor() throws {
    let hub = try FakeHub(large: ["model.safetensors": Array(FakeHub.weights.prefix(60_000))])
    hub.interfere(Self.file) { _, reply in reply.pieceLength = 1000 }
    let machine = try Machine(endpoint: hub.hub.origin)
    #expect(try bytes(ofFile: machine.locate("hf-hub:lab/vit").path).count == 60_000)
    #expect(ranges(hub) == [nil])
  }

  @Test(arguments: [429, 500, 503, 408])
  func aServerInTroubleIsAskedAgain(status: Int) throws {
    let hub = try FakeHub()
    for target in ["/api/models", "/resolve/", Self.file] {
      hub.interfere(target, count: 1) { _, reply in
        reply = TestServer.Reply(status, status == 429 ? ["Retry-After": "0"] : [:])
      }
    }
    try expectWhole(try Machine(endpoint: hub.hub.origin), hub)
  }

  @Test func attemptsHaveAnEnd() throws {
    let hub = try FakeHub()
    hub.interfere(Self.file) { _, reply in reply = TestServer.Reply(502) }
    let machine = try Machine(endpoint: hub.hub.origin)
    let failure = machine.failure("hf-hub:lab/vit")
    #expect(
      failure == "hf-hub:lab/vit: 127.0.0.1 is in trouble (status 502); run the same command again later")
    #expect(ranges(hub).count == Machine.limits.attemptCount)
    hub.behave()
    hub.interfere(Self.file) { _, reply in reply.breakAfter = 0 }
    #expect(machine.failure("hf-hub:lab/vit").contains("broke again and again"))
  }

  /// Before a wait that nobody would sit out.
  @Test func aLongWaitIsToldInsteadOfWaited() throws {
    let hub = try FakeHub()
    hub.interfere("/api/") { _, reply in reply = TestServer.Reply(429, ["Retry-After": "3600"]) }
    let failure = try Machine(endpoint: hub.hub.origin).failure("hf-hub:lab/vit")
    #expect(failure.contains("too many requests and asks to wait for 3600 s"), "\(failure)")
    #expect(hub.hub.requests.count == 1)
  }

  @Test func aFileThatIsNotTheOneIsNotKept() throws {
    let hub = try FakeHub()
    hub.interfere(Self.file) { _, reply in reply.body[reply.body.count - 1] ^= 1 }
    let machine = try Machine(endpoint: hub.hub.origin)
    let failure = machine.failure("hf-hub:lab/vit")
    #expect(failure.contains("what 127.0.0.1 sends is not the file: its SHA-256 is"), "\(failure)")
    #expect(try leftovers(machine).isEmpty)
    #expect(!Folder.contains(machine.cache.folder(of: try Repository("lab/vit")) + "/refs/main"))
    hub.behave()
    try expectWhole(machine, hub)

    let other = try FakeHub()
    other.interfere("config.json", method: "GET") { _, reply in reply.body[2] ^= 1 }
    #expect(try Machine(endpoint: other.hub.origin).failure("hf-hub:lab/vit").contains("Git's hash of it is"))
  }

  @Test(arguments: [-100, 100])
  func aLengthThatIsNotTheAnnouncedOneIsNotTaken(difference: Int) throws {
    let hub = try FakeHub()
    hub.interfere(Self.file) { _, reply in reply.announcedLength = reply.body.count + difference }
    let machine = try Machine(endpoint: hub.hub.origin)
    let failure = machine.failure("hf-hub:lab/vit")
    #expect(
      failure.contains("the server sends \(500_000 + difference) bytes, where it spoke of 500000"),
      "\(failure)")
    // Without a length, the end of the connection is the end of the file.
    hub.behave()
    hub.interfere(Self.file) { _, reply in
      reply.announcedLength = -1
      reply.body += [UInt8](repeating: 0, count: 200)
    }
    #expect(machine.failure("hf-hub:lab/vit").contains("sends more than the 500000 bytes"))
    hub.behave()
    hub.interfere(Self.file, count: 1) { _, reply in
      reply.announcedLength = -1
      reply.breakAfter = 1000
    }
    try expectWhole(machine, hub)
  }

  @Test func roomOnTheDiskIsLookedForBefore() throws {
    let hub = try FakeHub()
    hub.interfere("model.safetensors", method: "HEAD") { _, reply in
      reply.headers["X-Linked-Size"] = "\(1 << 55)"
    }
    let failure = try Machine(endpoint: hub.hub.origin).failure("hf-hub:lab/vit")
    #expect(failure.contains("are needed, and the disk has"), "\(failure)")
    #expect(hub.storage.requests.isEmpty)
  }

  @Test func twoAtOnceDownloadOnce() throws {
    let hub = try FakeHub()
    hub.interfere(Self.file) { _, reply in reply.pieceLength = 20_000 }
    let machine = try Machine(endpoint: hub.hub.origin)
    let results = Mutex<[String]>([])
    let group = DispatchGroup()
    for _ in 0..<4 {
      group.enter()
      Thread.detachNewThread {
        let result = machine.failure("hf-hub:lab/vit")
        results.withLock { $0.append(result) }
        group.leave()
      }
    }
    group.wait()
    let found = results.withLock { $0 }
    #expect(found.count == 4 && found.allSatisfy { $0.hasPrefix("found ") }, "\(found)")
    #expect(ranges(hub) == [nil])
    #expect(machine.events.notices.contains { $0.contains("another process is downloading it") })
    try expectWhole(machine, hub)
  }
}
