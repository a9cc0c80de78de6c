import Files
import Foundation
import TestSupport
import Testing

import ModelHub

/// Checkpoints that are known by an address.
@Suite struct WebTests {
  private func server(
    _ change: @escaping @Sendable (TestServer.Request, inout TestServer.Reply) -> Void = { _, _ in }
  ) throws -> TestServer {
    try TestServer { request in
      var reply = FakeHub.part(FakeHub.weights, request)
      reply.headers["ETag"] = "\"one\""
      change(request, &reply)
      return reply
    }
  }

  private func machine() throws -> Machine { try Machine(endpoint: "http://127.0.0.1:9") }

  /// Bytes of a file are of one version.
  private func stop(_ machine: Machine, _ address: String) {
    struct Stop: Error {}
    let events = machine.events
    #expect(throws: Stop.self) {
      try machine.locator(checkStop: {
        let hasBegun = events.list.withLock { list in
          list.contains { if case .reached(let count) = $0 { count > 0 } else { false } }
        }
        if hasBegun { throw Stop() }
      }).locate(address)
    }
  }

  @Test func aFileIsDownloadedOnce() throws {
    let server = try server()
    let machine = try machine()
    let address = "\(server.origin)/models/vit%20b.pth"
    let model = try machine.locate(address + "?key=secret#part")
    #expect(try bytes(ofFile: model.path) == FakeHub.weights)
    #expect(model.path.hasSuffix("/vit b.pth"))
    #expect(model.source == address)
    #expect(try machine.locate(address + "?key=secret").path == model.path)
    #expect(server.requests.count == 1)
    // Another query may be another file.
    #expect(try machine.locate(address).path != model.path)
    let folder = (model.path as NSString).deletingLastPathComponent
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == [
        ".lock", "origin.json", "vit b.pth",
      ])
    #expect(!(try String(contentsOfFile: folder + "/origin.json", encoding: .utf8)).contains("secret"))
    let survey = ModelSurvey(environment: HubEnvironment(machine.variables)).models().filter {
      $0.path != nil
    }
    #expect(survey.map(\.name) == [address, address])
    #expect(survey.first?.bytes == FakeHub.weights.count)
  }

  @Test func theRestIsAskedForByVersion() throws {
    let server = try server { request, reply in
      if request.rangeStart == nil { (reply.breakAfter, reply.pause) = (100_000, 3) }
    }
    let machine = try machine()
    let address = "\(server.origin)/vit.pth"
    stop(machine, address)
    #expect(try bytes(ofFile: machine.locate(address).path) == FakeHub.weights)
    #expect(server.requests.last?.headers["if-range"] == "\"one\"")
    #expect(try #require(server.requests.last?.rangeStart) > 0)
  }

  @Test func anotherVersionIsSentFromItsBeginning() throws {
    let other = FakeHub.weights.map { ~$0 }
    let server = try server { request, reply in
      if request.headers["if-range"] != nil {
        reply = TestServer.Reply(200, ["ETag": "\"two\""], other)
      } else {
        (reply.breakAfter, reply.pause) = (100_000, 3)
      }
    }
    let machine = try machine()
    stop(machine, "\(server.origin)/vit.pth")
    #expect(try bytes(ofFile: machine.locate("\(server.origin)/vit.pth").path) == other)
  }

  @Test func withoutAVersionNothingIsGoneOnWith() throws {
    let server = try server { _, reply in reply.headers["ETag"] = "W/\"weak\"" }
    let broken = try self.server { request, reply in
      reply.headers["ETag"] = nil
      reply.breakAfter = request.rangeStart == nil ? 100_000 : nil
    }
    let machine = try machine()
    #expect(try bytes(ofFile: machine.locate("\(server.origin)/vit.pth").path) == FakeHub.weights)
    #expect(machine.failure("\(broken.origin)/vit.pth").contains("broke again and again"))
    #expect(broken.requests.allSatisfy { $0.rangeStart == nil })
  }

  @Test func aHashInTheNameIsHeld() throws {
    let server = try server()
    let folder = try TemporaryFolder()
    let digest = try SHA256.hexadecimal(ofFile: folder.write(FakeHub.weights, to: "x")).prefix(8)
    let machine = try machine()
    #expect(try bytes(ofFile: machine.locate("\(server.origin)/vit-\(digest).pth").path) == FakeHub.weights)
    let failure = machine.failure("\(server.origin)/vit-0badcafe.pth")
    #expect(failure.contains("which does not begin with 0badcafe"), "\(failure)")
    #expect(machine.failure("\(server.origin)/vit-0badcafe.pth") == failure)
  }

  @Test(arguments: ["TORCH_HOME", "XDG_CACHE_HOME"])
  func whatTorchHubDownloadedIsFound(variable: String) throws {
    let server = try server()
    var machine = try machine()
    machine.variables[variable] = machine.folder.path
    let folder = variable == "TORCH_HOME" ? "hub/checkpoints" : "torch/hub/checkpoints"
    let path = try machine.folder.write([1, 2, 3], to: "\(folder)/dino.pth")
    try machine.folder.write([1, 2, 3], to: "\(folder)/vit-0badcafe.pth")
    let model = try machine.locate("\(server.origin)/x/dino.pth")
    #expect(model.path == path && model.source == "\(server.origin)/x/dino.pth")
    #expect(server.requests.isEmpty)
    // It is not the file that its name promises.
    #expect(machine.failure("\(server.origin)/vit-0badcafe.pth").contains("does not begin with 0badcafe"))
    #expect(server.requests.count == 1)
  }

  @Test func aPageIsNoCheckpoint() throws {
    let server = try server { _, reply in reply.headers["Content-Type"] = "text/html; charset=utf-8" }
    let machine = try machine()
    #expect(machine.failure("\(server.origin)/vit.pth").contains("is a web page"))
    let left = FileManager.default.enumerator(atPath: machine.folder.file("hf/patchbank"))
    #expect(left?.contains { "\($0)".hasSuffix(".incomplete") } == false)
    #expect(machine.failure("\(server.origin)/").contains("does not end in the name of a file"))
  }

  @Test func aPasswordStaysWithItsServer() throws {
    let other = try server()
    let target = other.origin + "/elsewhere"
    let server = try server { _, reply in reply = TestServer.Reply(302, ["Location": target]) }
    var machine = try machine()
    machine.variables["HF_TOKEN"] = "hf_secret"
    let address = "http://user:word@127.0.0.1:\(server.port)/vit.pth"
    let model = try machine.locate(address)
    #expect(
      server.requests.first?.headers["authorization"] == "Basic "
        + Data("user:word".utf8).base64EncodedString())
    #expect(other.requests.first?.headers["authorization"] == nil)
    #expect(model.source == "\(server.origin)/vit.pth")
    // Nor does the token go anywhere but to the hub.
    _ = try machine.locate("\(other.origin)/vit.pth")
    #expect(other.requests.allSatisfy { $0.headers["authorization"] == nil })
  }

  @Test(
    arguments: [
      (401, "does not give it to you"), (404, "has no such file; check the address"), (418, "status 418"),
      (500, "is in trouble (status 500)"),
    ])
  func refusalsAreTold(status: Int, expected: String) throws {
    let server = try server { _, reply in reply = TestServer.Reply(status) }
    let failure = try machine().failure("\(server.origin)/vit.pth?key=secret")
    #expect(failure.hasPrefix("\(server.origin)/vit.pth: ") && failure.contains(expected), "\(failure)")
    #expect(!failure.contains("secret"))
  }
}
