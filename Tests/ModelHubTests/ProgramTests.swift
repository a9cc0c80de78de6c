import Foundation
import TestSupport
import Testing

import ModelHub

/// `extract`, run as a user runs it, over a network that a test holds in its hands.
@Suite struct ProgramTests {
  private let program = Program("extract")

  private func arguments(_ machine: Machine) throws -> [String] {
    // What is in the images matters to nobody before the model is here.
    try machine.folder.write([0], to: "images/a.png")
    return [
      "tokens", "--finetune", "hf-hub:lab/vit", "--data-path", machine.folder.file("images"), "--output-dir",
      machine.folder.file("cache"),
    ]
  }

  private func environment(_ machine: Machine) -> [String: String] {
    [
      "HF_HUB_CACHE": "", "HF_TOKEN": "", "http_proxy": "", "HTTP_PROXY": "", "all_proxy": "",
      "ALL_PROXY": "",
    ]
    .merging(machine.variables) { $1 }
  }

  private func partByteCount(_ machine: Machine, _ hub: FakeHub) -> Int {
    let blob = machine.folder.file("hf/hub/models--lab--vit/blobs/\(hub.files["model.safetensors"]!.etag)")
    let attributes = try? FileManager.default.attributesOfItem(atPath: blob + ".incomplete")
    return attributes?[.size] as? Int ?? 0
  }

  /// The download is whole afterwards, and what was here was not fetched again; the weights are no checkpoint.
  @Test(arguments: [SIGKILL, SIGINT])
  func aDownloadThatWasEndedIsGoneOnWith(signal: Int32) throws {
    let hub = try FakeHub()
    hub.interfere("/stored/", count: 1) { _, reply in (reply.breakAfter, reply.pause) = (250_000, 20) }
    let machine = try Machine(endpoint: hub.hub.origin)
    let arguments = try arguments(machine)
    let ended = try program.run(arguments, environment: environment(machine)) { process in
      while process.isRunning, partByteCount(machine, hub) < 250_000 { usleep(2000) }
      kill(process.processIdentifier, signal)
    }
    if signal == SIGKILL {
      #expect(ended.signal == SIGKILL)
    } else {
      #expect(ended.status == 130)
      #expect(ended.diagnostics.contains("run the same command again to go on"), "\(ended.diagnostics)")
    }
    let result = try program.run(arguments, environment: environment(machine))
    #expect(result.status == 1)
    #expect(result.diagnostics.contains("model.safetensors: is no checkpoint"), "\(result.diagnostics)")
    #expect(hub.storage.requests.map(\.rangeStart) == [nil, 250_000])
    let model = try machine.locate("hf-hub:lab/vit")
    #expect(try bytes(ofFile: model.path) == FakeHub.weights)
  }

  @Test func twoProcessesDownloadOnce() throws {
    let hub = try FakeHub()
    hub.interfere("/stored/") { _, reply in reply.pieceLength = 10_000 }
    let machine = try Machine(endpoint: hub.hub.origin)
    let arguments = try arguments(machine)
    let running = try (0..<2).map { _ in try program.start(arguments, environment: environment(machine)) }
    for process in running {
      let result = try process.result()
      #expect(result.diagnostics.contains("model.safetensors: is no checkpoint"), "\(result.diagnostics)")
    }
    #expect(hub.storage.requests.count == 1)
  }

  @Test func modelsAreListed() throws {
    let machine = try Machine(endpoint: "http://127.0.0.1:9")
    try machine.store("model.safetensors", [1, 2, 3], etag: "ab")
    let table = try program.run(["models"], environment: environment(machine))
    #expect(table.status == 0, "\(table.diagnostics)")
    #expect(table.output.contains("hf-hub:lab/vit") && table.output.contains("3 B"))
    #expect(table.output.contains("vit_base_patch16_224.mae"))
    let json = try program.run(["models", "--json", "vit_large_*.mae"], environment: environment(machine))
    let list = try #require(
      try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]])
    #expect(list.compactMap { $0["name"] as? String } == ["vit_large_patch16_224.mae"])
    #expect(list[0]["parameters"] as? Int == 303_301_632)
    let none = try program.run(["models", "no such"], environment: environment(machine))
    #expect(none.status == 1 && none.diagnostics.contains("is part of no model's name"))
  }
}
