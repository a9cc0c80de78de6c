import Checkpoints
import Files
import Foundation
import TestSupport
import Tensors
import Testing

/// Checkpoints in several files with an index, and folders that hold a checkpoint.
@Suite struct SplitCheckpointTests {
  private func expectSameWeights(_ loaded: LoadedCheckpoint) throws {
    let expected = try Safetensors.read(fixture("expected.safetensors")).tensors
      .filter { !$0.key.hasPrefix("resized.") }
    #expect(loaded.weights.keys.sorted() == expected.keys.sorted())
    for (name, tensor) in expected { #expect(loaded.weights[name]?.floats() == tensor.floats(), "\(name)") }
  }

  @Test(arguments: [
    ("split", "model.safetensors.index.json"), ("split-torch", "pytorch_model.bin.index.json"),
  ])
  func theFolderAndTheIndexNameTheSameCheckpoint(_ folder: String, _ index: String) throws {
    for path in [fixture(folder), fixture("\(folder)/\(index)")] {
      let loaded = try CheckpointLoader.load(CheckpointRequest(path: path, headCount: 2))
      try expectSameWeights(loaded)
      #expect(loaded.fileName == index)
      #expect(loaded.key == nil)
      #expect(loaded.sha256 == (try digest(fixture(folder))))
    }
  }

  /// As `cd FOLDER; sha256sum PARTS | sha256sum` has it.
  private func digest(_ folder: String) throws -> String {
    let parts = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.contains("-of-") }
      .sorted()
    #expect(parts.count == 3)
    var hash = SHA256()
    for part in parts {
      let line = "\(try SHA256.hexadecimal(ofFile: "\(folder)/\(part)"))  \(part)\n"
      Array(line.utf8).withUnsafeBytes { hash.update($0) }
    }
    return hash.hexadecimal()
  }

  @Test func aFolderOfOneFileIsTheFileWithItsConfiguration() throws {
    let loaded = try CheckpointLoader.load(CheckpointRequest(path: fixture("timm")))
    #expect(loaded.fileName == "model.safetensors")
    #expect(loaded.configuration.headCount == 2)
    #expect(try loaded.sha256 == SHA256.hexadecimal(ofFile: fixture("timm/model.safetensors")))
  }

  @Test(arguments: ["pytorch_model.bin", "open_clip_model.safetensors", "open_clip_pytorch_model.bin"])
  func foldersMayUseOtherNames(_ name: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(try bytes(ofFile: fixture("bare.pth")), to: name)
    let loaded = try CheckpointLoader.load(CheckpointRequest(path: folder.path, headCount: 2))
    #expect(loaded.fileName == name)
  }

  @Test func aFolderWithoutACheckpointIsRefused() throws {
    let folder = try TemporaryFolder()
    let error = try error(folder.path)
    #expect(error.subject == folder.path)
    #expect(error.reason == "is a folder without a checkpoint in it")
    #expect(error.remedy?.contains("model.safetensors.index.json") == true)
  }

  private func error(_ path: String, key: String? = nil) throws -> InputError {
    try #require(throws: InputError.self) {
      try CheckpointLoader.load(CheckpointRequest(path: path, checkpointKey: key, headCount: 2))
    }
  }

  /// A copy of the fixture to be damaged.
  private func copy() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for name in try FileManager.default.contentsOfDirectory(atPath: fixture("split")) {
      try folder.write(try bytes(ofFile: fixture("split/\(name)")), to: name)
    }
    return folder
  }

  private static let (index, first) = ("model.safetensors.index.json", "model-00001-of-00003.safetensors")

  /// The error after a text in the index was replaced.
  private func error(replacing text: String, with replacement: String) throws -> InputError {
    let folder = try copy()
    let index = String(decoding: try bytes(ofFile: folder.file(Self.index)), as: UTF8.self)
    #expect(index.contains(text))
    try folder.write(Array(index.replacing(text, with: replacement).utf8), to: Self.index)
    return try error(folder.path)
  }

  @Test func aMissingPartIsNamed() throws {
    let folder = try copy()
    try FileManager.default.removeItem(atPath: folder.file(Self.first))
    let error = try error(folder.path)
    #expect(error.subject == folder.file(Self.first))
    #expect(error.reason == "is missing, which \(folder.file(Self.index)) names")
  }

  @Test(arguments: [
    "../\(first)", "/etc/passwd", "a/\(first)", "..", ".", "", "C:\\\\x", "a\\u0000b", "a\\nb",
  ])
  func namesThatLeadElsewhereAreRefused(_ name: String) throws {
    let error = try error(replacing: Self.first, with: name)
    #expect(error.reason.contains("is no name of a file beside the index"), "\(error)")
  }

  @Test func anIndexIsNoPart() throws {
    let error = try error(replacing: Self.first, with: Self.index)
    #expect(error.reason.contains("it is an index itself"))
  }

  @Test func whatThePartsHoldMustBeWhatTheIndexSays() throws {
    let moved = try error(
      replacing: "\"cls_token\": \"\(Self.first)\"",
      with: "\"cls_token\": \"model-00002-of-00003.safetensors\"")
    #expect(moved.reason.contains("does not say that it holds: cls_token"))
    let unlisted = try error(replacing: "\"cls_token\": \"\(Self.first)\",", with: "")
    #expect(unlisted.reason.contains("does not say that it holds: cls_token"))
    let absent = try error(
      replacing: "\"weight_map\": {", with: "\"weight_map\": {\"dist_token\": \"\(Self.first)\",")
    #expect(absent.reason == "lists tensors that are not in their files: dist_token")
  }

  @Test func aKeySelectsNamesOfAllParts() throws {
    let error = try error(fixture("split"), key: "teacher")
    #expect(error.reason.contains("has a name that begins with \"teacher.\""))
    #expect(
      try self.error(fixture("split"), key: "blocks.0").reason.contains("holds no Vision Transformer"))
  }

  @Test func aDamagedPartIsNamed() throws {
    let folder = try copy()
    let whole = try bytes(ofFile: folder.file(Self.first))
    try folder.write(whole.dropLast(), to: Self.first)
    #expect(try error(folder.path).subject == folder.file(Self.first))
  }
}
