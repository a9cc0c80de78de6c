import Files
import Foundation
import TestSupport
import Testing

import ModelHub

/// What servers may learn, and what users learn of servers.
@Suite struct ServerTests {
  private let token = "hf_secret"

  private func machine(_ hub: FakeHub, token: String? = nil) throws -> Machine {
    var machine = try Machine(endpoint: hub.hub.origin)
    machine.variables["HF_TOKEN"] = token
    return machine
  }

  @Test func theTokenStaysWithTheHub() throws {
    let hub = try FakeHub()
    let machine = try machine(hub, token: " \(token)\n")
    _ = try machine.locate("hf-hub:lab/vit")
    #expect(hub.hub.requests.allSatisfy { $0.headers["authorization"] == "Bearer \(token)" })
    #expect(!hub.storage.requests.isEmpty)
    #expect(hub.storage.requests.allSatisfy { $0.headers["authorization"] == nil })
  }

  @Test(arguments: ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HOME", "nothing"])
  func theTokenIsFoundWhereHuggingFaceKeepsIt(place: String) throws {
    let hub = try FakeHub()
    var machine = try machine(hub)
    switch place {
    case "HF_TOKEN_PATH":
      machine.variables[place] = try machine.folder.write(Array("\(token)\n".utf8), to: "my token")
    case "HF_HOME": try machine.folder.write(Array("\(token)\n".utf8), to: "hf/token")
    case "nothing":
      machine.variables["HF_TOKEN"] = token
      machine.variables["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"
    default: machine.variables[place] = token
    }
    _ = try machine.locate("hf-hub:lab/vit")
    let expected = place == "nothing" ? nil : "Bearer \(token)"
    #expect(hub.hub.requests.allSatisfy { $0.headers["authorization"] == expected })
  }

  @Test func aTokenIsNoSecondHeader() throws {
    let hub = try FakeHub()
    let failure = try machine(hub, token: "a\r\nHost: b").failure("hf-hub:lab/vit")
    #expect(failure.hasPrefix("HF_TOKEN: is no token"), "\(failure)")
    #expect(hub.hub.requests.isEmpty)
  }

  /// What the hub answers, and what is made of it.
  @Test(
    arguments: [
      (401, "GatedRepo", nil, "its owner gives it only to those who have asked for it; ask at http"),
      (403, "GatedRepo", "t", "with the account of the token in HF_TOKEN"),
      (
        401, "RepoNotFound", nil,
        "no such repository, or it is private; check the name; for a private one give a token"
      ),
      (
        404, "RepoNotFound", "t",
        "no such repository, or it is not open to the token in HF_TOKEN; check the name"
      ),
      (401, nil, "t", "the hub does not accept the token in HF_TOKEN"),
      (401, nil, nil, "no such repository, or it is private"),
      (404, "RevisionNotFound", nil, "has no revision 'main'; name a branch"),
      (404, "EntryNotFound", nil, "has no file"), (407, nil, nil, "the proxy asks for a password"),
      (418, nil, nil, "127.0.0.1 answers with status 418"), (204, nil, nil, "is not valid JSON"),
      (304, nil, nil, "127.0.0.1 answers with status 304"),
    ] as [(Int, String?, String?, String)])
  func refusalsAreUnderstood(status: Int, code: String?, token: String?, expected: String) throws {
    let hub = try FakeHub()
    hub.interfere("/api/models") { _, reply in
      reply = TestServer.Reply(status, code.map { ["X-Error-Code": $0] } ?? [:])
    }
    let failure = try machine(hub, token: token).failure("hf-hub:lab/vit")
    #expect(failure.contains(expected), "\(failure)")
    #expect(!failure.contains("\n"))
    #expect(hub.hub.requests.count == 1)
  }

  @Test func anUnknownTagIsToldTheKnownOnes() throws {
    let hub = try FakeHub()
    let machine = try machine(hub)
    let failure = machine.failure("vit_huge_patch14_224.moe")
    #expect(
      failure.contains("the tags of vit_huge_patch14_224 that are known here: orig_in21k, mae"), "\(failure)")
    #expect(machine.failure("vit_hug_patch14_224.mae").contains("did you mean vit_huge_patch14_224?"))
  }

  @Test func hostileAnswersEndInAnError() throws {
    let answers: [(String, String, @Sendable (TestServer.Request, inout TestServer.Reply) -> Void)] = [
      ("/api/", "more than 32 MiB", { _, reply in reply.body = [UInt8](repeating: 0x20, count: 33 << 20) }),
      ("/api/", "is not valid JSON", { _, reply in reply.body = Array("<html>".utf8) }),
      ("/api/", "sha is missing", { _, reply in reply.body = Array("{}".utf8) }),
      ("/api/", "names no commit", { _, reply in reply.body = Array(#"{"sha": "../../../x"}"#.utf8) }),
      (
        "/api/", "is not valid JSON",
        { _, reply in reply.body = [UInt8](repeating: UInt8(ascii: "["), count: 1 << 20) }
      ),
      ("model.safetensors", "which version", { _, reply in reply.headers["X-Linked-Etag"] = "\"../../x\"" }),
      ("model.safetensors", "which version", { _, reply in reply.headers["X-Linked-Etag"] = "\".\"" }),
      (
        "model.safetensors", "which version",
        { _, reply in reply.headers["X-Linked-Etag"] = String(repeating: "a", count: 300) }
      ),
      (
        "/api/", "redirects more than 10 times",
        { request, reply in
          reply = TestServer.Reply(302, ["Location": request.target])
        }
      ),
      (
        "/api/", "not the web",
        { _, reply in reply = TestServer.Reply(302, ["Location": "file:///etc/passwd"]) }
      ),
      ("/api/", "no address", { _, reply in reply = TestServer.Reply(302, ["Location": "http://["]) }),
      (
        "/api/", "broke again",
        { _, reply in
          reply.headers = Dictionary(
            uniqueKeysWithValues: (0..<40).map { ("X-\($0)", String(repeating: "a", count: 8000)) })
        }
      ),
    ]
    for (target, expected, change) in answers {
      let hub = try FakeHub()
      hub.interfere(target, change)
      let machine = try machine(hub)
      let failure = machine.failure("hf-hub:lab/vit")
      #expect(failure.contains(expected), "\(failure)")
      #expect(!failure.contains("\n"))
      #expect(!Folder.contains(machine.folder.file("hf/hub/models--lab--vit/refs")))
    }
  }

  @Test func aMovedRepositoryIsFollowed() throws {
    let hub = try FakeHub()
    hub.interfere("/api/models/lab/vit", count: 1) { _, reply in
      reply = TestServer.Reply(307, ["Location": "/api/models/lab/vit/revision/v1"])
    }
    hub.interfere("/config.json", method: "HEAD", count: 1) { request, reply in
      reply = TestServer.Reply(307, ["Location": request.target])
    }
    let machine = try machine(hub, token: token)
    _ = try machine.locate("hf-hub:lab/vit")
    #expect(hub.hub.requests.allSatisfy { $0.headers["authorization"] == "Bearer \(token)" })
  }

  @Test func serversThatAreNotThereAreNamed() throws {
    let closed = try TestServer { _ in TestServer.Reply() }.origin
    let answers = [
      (closed, "cannot reach 127.0.0.1"),
      ("http://no-such-host.invalid", "cannot reach no-such-host.invalid"),
      ("nonsense", "HF_ENDPOINT: "), ("ftp://host", "HF_ENDPOINT: leads to ftp://"),
    ]
    for (endpoint, expected) in answers {
      let failure = try Machine(endpoint: endpoint).failure("hf-hub:lab/vit")
      #expect(failure.contains(expected), "\(failure)")
    }
    // A server without encryption where encryption is asked for.
    let hub = try FakeHub()
    let failure = try Machine(endpoint: "https://127.0.0.1:\(hub.hub.port)").failure("hf-hub:lab/vit")
    #expect(failure.contains("the connection to 127.0.0.1 cannot be trusted"), "\(failure)")
  }

  @Test(arguments: ["http_proxy", "HTTP_PROXY", "all_proxy"])
  func aProxyIsAsked(variable: String) throws {
    let hub = try FakeHub()
    // The proxy of a network in which there is one host, whatever it is called.
    let direct = hub.hub.origin
    let proxy = try TestServer { request in
      TestServer.Reply(307, ["Location": direct + request.target.dropFirst("http://hub.example".count)])
    }
    var machine = try Machine(endpoint: "http://hub.example")
    machine.variables[variable] = "http://user:word@127.0.0.1:\(proxy.port)"
    machine.variables["NO_PROXY"] = "127.0.0.1"
    machine.variables["HF_TOKEN"] = token
    let failure = machine.failure("hf-hub:lab/vit")
    #expect(proxy.requests.first?.target == "http://hub.example/api/models/lab/vit/revision/main")
    #expect(proxy.requests.first?.headers["proxy-authorization"] != nil)
    #expect(proxy.requests.first?.headers["authorization"] == "Bearer \(token)")
    #expect(hub.hub.requests.allSatisfy { $0.headers["authorization"] == nil })
    // A HEAD request does not leave the server that it is for.
    #expect(failure.contains("does not say which version"), "\(failure)")

    machine.variables[variable] = "http://user:word@127.0.0.1:1"
    let closed = machine.failure("hf-hub:lab/vit")
    #expect(closed.contains("cannot reach hub.example") && closed.contains("the proxy http://127.0.0.1:1"))
    #expect(!closed.contains("word"), "\(closed)")
  }

  /// In a CGI program that variable is a header of whoever asks.
  @Test func aHeaderIsNoProxy() throws {
    let settings = ConnectionSettings(
      environment: ["HTTP_PROXY": "http://evil", "REQUEST_METHOD": "GET"], userAgent: "",
      limits: Machine.limits)
    #expect(settings.proxy(for: try WebAddress("http://host/")).isEmpty)
  }
}
