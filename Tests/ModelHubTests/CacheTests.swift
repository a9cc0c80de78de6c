import Files
import Foundation
import TestSupport
import Testing

import ModelHub

/// The cache that huggingface_hub shares: what is put there, what is found there, and what is not asked for again.
@Suite struct CacheTests {
  private static let snapshot = "hf/hub/models--lab--vit/snapshots/\(FakeHub.commit)"
  private let fakeETag = String(repeating: "ab", count: 32)

  @Test func aDownloadIsLaidOutAsHuggingFaceDoes() throws {
    let hub = try FakeHub()
    let machine = try Machine(endpoint: hub.hub.origin)
    let model = try machine.locate("hf-hub:lab/vit")
    let folder = machine.folder
    #expect(model.path == folder.file("\(Self.snapshot)/model.safetensors"))
    #expect(model.source == "hf-hub:lab/vit@\(FakeHub.commit)")
    #expect(try bytes(ofFile: model.path) == FakeHub.weights)
    let manager = FileManager.default
    for (file, description) in hub.files where file != "README.md" {
      let link = try manager.destinationOfSymbolicLink(atPath: folder.file("\(Self.snapshot)/\(file)"))
      #expect(link == "../../blobs/\(description.etag)")
    }
    #expect(try bytes(ofFile: folder.file("hf/hub/models--lab--vit/refs/main")) == Array(FakeHub.commit.utf8))
    #expect(try manager.contentsOfDirectory(atPath: folder.file("hf/hub/models--lab--vit/blobs")).count == 2)
    #expect(!hub.hub.requests.contains { $0.target.contains("README") })
    #expect(hub.hub.requests.allSatisfy { $0.headers["user-agent"] == "test/1" })

    let count = hub.hub.requests.count
    #expect(try machine.locate("hf-hub:lab/vit@\(FakeHub.commit)").path == model.path)
    #expect(try machine.locate(try #require(model.source)).path == model.path)
    #expect(try machine.locate("hf-hub:lab/vit").path == model.path)
    #expect(hub.hub.requests.count == count)
  }

  @Test func progressIsToldFromBeginningToEnd() throws {
    let hub = try FakeHub()
    let machine = try Machine(endpoint: hub.hub.origin)
    _ = try machine.locate("hf-hub:lab/vit")
    let events = machine.events.list.withLock { $0 }
    let total = FakeHub.weights.count + hub.files["config.json"]!.bytes.count
    #expect(events.first == .started(name: "hf-hub:lab/vit", byteCount: total, alreadyDone: 0))
    #expect(events.last == .finished)
    #expect(events.contains(.reached(total)))
  }

  /// As Python leaves it: the layout is made by hand here.
  @Test(arguments: ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME"])
  func whatPythonDownloadedIsFound(variable: String) throws {
    let hub = try FakeHub()
    var machine = try Machine(endpoint: hub.hub.origin)
    try machine.store("config.json", Array("{}".utf8), etag: "aa")
    try machine.store("model.safetensors", [1, 2, 3], etag: fakeETag)
    let path = machine.folder.path
    try FileManager.default.moveItem(atPath: path + "/hf", toPath: path + "/huggingface")
    machine.variables["HF_HOME"] = nil
    switch variable {
    case "HF_HOME": machine.variables[variable] = "~/huggingface"
    case "XDG_CACHE_HOME": machine.variables[variable] = "${HOME}"
    case "HOME":
      try FileManager.default.createDirectory(atPath: path + "/.cache", withIntermediateDirectories: true)
      try FileManager.default.moveItem(atPath: path + "/huggingface", toPath: path + "/.cache/huggingface")
    default: machine.variables[variable] = "$HOME/huggingface/hub"
    }
    let model = try machine.locate("hf-hub:lab/vit")
    #expect(try bytes(ofFile: model.path) == [1, 2, 3])
    #expect(model.notes == ["found in the Hugging Face cache, at commit \(FakeHub.commit)"])
    #expect(hub.hub.requests.isEmpty)
  }

  @Test func settingsThatAreMissingAreFetchedUnlessThereAreNone() throws {
    let hub = try FakeHub()
    var machine = try Machine(endpoint: hub.hub.origin)
    try machine.store("model.safetensors", [1, 2, 3], etag: fakeETag)
    machine.variables["HF_HUB_OFFLINE"] = "1"
    #expect(try bytes(ofFile: machine.locate("hf-hub:lab/vit").path) == [1, 2, 3])
    machine.variables["HF_HUB_OFFLINE"] = "0"
    // The weights stay the ones that are here.
    #expect(try bytes(ofFile: machine.locate("hf-hub:lab/vit").path) == [1, 2, 3])
    #expect(Folder.containsFile(machine.folder.file("\(Self.snapshot)/config.json")))

    let bare = try FakeHub(small: [:])
    let other = try Machine(endpoint: bare.hub.origin)
    _ = try other.locate("hf-hub:lab/vit")
    #expect(
      Folder.containsFile(
        other.folder.file("hf/hub/models--lab--vit/.no_exist/\(FakeHub.commit)/config.json")))
    let count = bare.hub.requests.count
    _ = try other.locate("hf-hub:lab/vit")
    #expect(bare.hub.requests.count == count)
  }

  @Test(arguments: ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
  func nothingIsAskedOffline(variable: String) throws {
    let hub = try FakeHub()
    var machine = try Machine(endpoint: hub.hub.origin)
    machine.variables[variable] = "1"
    #expect(machine.failure("hf-hub:lab/vit").contains("HF_HUB_OFFLINE forbids to download it"))
    #expect(machine.failure("\(hub.hub.origin)/x/y/z.pth").contains("HF_HUB_OFFLINE forbids to download it"))
    #expect(hub.hub.requests.isEmpty)
  }

  @Test func splitWeightsComeWithAllTheirParts() throws {
    let index =
      #"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-1.safetensors"}}"#
    let hub = try FakeHub(
      large: ["model-1.safetensors": [1, 1], "model-2.safetensors": [2, 2, 2], "pytorch_model.bin": [3]],
      small: ["model.safetensors.index.json": index, "config.json": "{}"])
    let machine = try Machine(endpoint: hub.hub.origin)
    let model = try machine.locate("hf-hub:lab/vit")
    #expect(model.path.hasSuffix("/model.safetensors.index.json"))
    let second = machine.folder.file("\(Self.snapshot)/model-2.safetensors")
    #expect(try bytes(ofFile: second) == [2, 2, 2])
    // A part that is gone is fetched; a blob that lost its end, too.
    try FileManager.default.removeItem(atPath: second)
    let blob = machine.cache.blob(try Repository("lab/vit"), etag: hub.files["model-2.safetensors"]!.etag)
    try Data([2]).write(to: URL(fileURLWithPath: blob))
    _ = try machine.locate("hf-hub:lab/vit")
    #expect(try bytes(ofFile: second) == [2, 2, 2])
  }

  @Test(arguments: ["../../../x", "/etc/passwd", "a/x", "a\\\\b", "", "missing.safetensors"])
  func anIndexLeadsNowhereElse(shard: String) throws {
    let hub = try FakeHub(
      large: [:], small: ["model.safetensors.index.json": "{\"weight_map\": {\"a\": \"\(shard)\"}}"])
    let machine = try Machine(endpoint: hub.hub.origin)
    let failure = machine.failure("hf-hub:lab/vit")
    #expect(
      failure.contains("is no name of a file beside the index")
        || failure.contains("which model.safetensors.index.json lists"),
      "\(failure)")
    #expect(!hub.hub.requests.contains { $0.target.contains("passwd") || $0.target.contains("..") })
  }

  @Test func aFileAndARevisionCanBeNamed() throws {
    let hub = try FakeHub(
      large: ["weights/first step.pth": [1], "weights/b.pth": [2]], small: ["weights/config.json": "{}"])
    let machine = try Machine(endpoint: hub.hub.origin)
    let model = try machine.locate("hf-hub:lab/vit/weights/first step.pth@refs/pr/1")
    #expect(try bytes(ofFile: model.path) == [1])
    #expect(model.source == "hf-hub:lab/vit/weights/first step.pth@\(FakeHub.commit)")
    #expect(Folder.containsFile(machine.folder.file("\(Self.snapshot)/weights/config.json")))
    #expect(
      try bytes(ofFile: machine.folder.file("hf/hub/models--lab--vit/refs/refs/pr/1"))
        == Array(FakeHub.commit.utf8))
    #expect(try machine.locate("hf-hub:lab/vit/weights/b.pth").path.hasSuffix("/weights/b.pth"))
    let failure = machine.failure("hf-hub:lab/vit")
    #expect(failure.contains("several files of weights"), "\(failure)")
    #expect(machine.failure("hf-hub:lab/vit/c.pth").contains("has no file 'c.pth'; choose one of"))
  }

  @Test func aSingleFileOfWeightsNeedsNoUsualName() throws {
    let hub = try FakeHub(large: ["mae_visualize.pth": [1, 2]], small: ["README.md": "x"])
    let machine = try Machine(endpoint: hub.hub.origin)
    #expect(try bytes(ofFile: machine.locate("hf-hub:lab/vit").path) == [1, 2])
    let none = try FakeHub(large: [:], small: ["README.md": "x"])
    let failure = try Machine(endpoint: none.hub.origin).failure("hf-hub:lab/vit")
    #expect(
      failure.contains("has no weights in PyTorch's format or safetensors; it has README.md"), "\(failure)")
  }

  @Test func aPathComesBeforeAName() throws {
    let hub = try FakeHub()
    let machine = try Machine(endpoint: hub.hub.origin)
    let path = try machine.folder.write([7], to: "models/pytorch_model.bin")
    let file = try machine.locate(path)
    #expect(file.path == path && file.source == nil && file.notes.isEmpty)
    let folder = try machine.locate(machine.folder.file("models"))
    #expect(folder.path == machine.folder.file("models") && folder.source == nil)
    #expect(hub.hub.requests.isEmpty)
  }

  @Test func theSurveyFindsWhatIsHere() throws {
    var machine = try Machine(endpoint: "http://127.0.0.1:9")
    machine.variables["HF_HUB_OFFLINE"] = "1"
    try machine.store("config.json", Array("{}".utf8), etag: "aa")
    try machine.store("model.safetensors", [1, 2, 3], etag: fakeETag)
    try machine.store(
      "pytorch_model.bin", [4, 5], etag: "bb", commit: String(repeating: "d", count: 40), ref: nil)
    try machine.folder.write([6], to: ".cache/torch/hub/checkpoints/dino.pth")
    try machine.folder.write([6], to: ".cache/torch/hub/checkpoints/dino.txt")
    try machine.folder.write([0], to: "hf/hub/models--lab/refs/main")
    try machine.folder.write([0], to: "hf/hub/datasets--lab--photos/refs/main")
    let models = ModelSurvey(environment: HubEnvironment(machine.variables)).models()
    let here = models.filter { $0.path != nil }
    #expect(
      here.map(\.name) == [
        machine.folder.file(".cache/torch/hub/checkpoints/dino.pth"), "hf-hub:lab/vit",
        "hf-hub:lab/vit@\(String(repeating: "d", count: 40))",
      ])
    #expect(here.map(\.bytes) == [1, 3, 2])
    for model in here { #expect(try machine.locate(model.name).path == model.path) }
    #expect(models.contains { $0.name == "vit_base_patch16_224.mae" && $0.place == .hub })
  }
}
