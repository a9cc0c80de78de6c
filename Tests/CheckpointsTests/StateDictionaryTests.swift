import Checkpoints
import Files
import TestSupport
import Tensors
import Testing

/// Where the weights are looked for in a file.
@Suite struct StateDictionaryTests {
  private func error(_ name: String, key: String?) throws -> InputError {
    try #require(throws: InputError.self) {
      try CheckpointLoader.load(CheckpointRequest(path: fixture(name), checkpointKey: key, headCount: 2))
    }
  }

  @Test func anUnknownKeyIsAnsweredWithTheKnownOnes() throws {
    let error = try error("mae.pth", key: "teacher")
    #expect(error.subject == "--checkpoint-key teacher")
    #expect(error.remedy == "choose one of model, optimizer, epoch, scaler, args")
  }

  @Test func aKeyMayGoDeeper() throws {
    let error = try error("views.pth", key: "nested.other")
    #expect(error.remedy == "choose one of weights.of.it")
    #expect(try self.error("mae.pth", key: "epoch.5").reason.contains("an integer in"))
  }

  @Test func aFileWithoutWeightsAtTheTopSaysItsKeys() throws {
    let error = try error("views.pth", key: nil)
    #expect(error.reason == "holds no weights at its top")
    #expect(error.remedy?.contains("the keys here are model_name, nested") == true)
  }

  @Test func otherThanDictionariesAreRefused() throws {
    #expect(
      try error("mae.pth", key: "args").reason
        == "holds a value made by argparse.Namespace under \"args\", not a state dict")
    #expect(try error("mae.pth", key: "epoch").reason == "holds an integer under \"epoch\", not a state dict")
    #expect(try error("mae.pth", key: "scaler").reason == "holds no weights under \"scaler\"")
  }

  @Test func aWholeModuleIsRefused() throws {
    let error = try error("module.pth", key: nil)
    #expect(error.reason.contains("torch.nn.modules.linear.Linear"))
    #expect(error.remedy == "save model.state_dict() instead of the model itself")
  }

  @Test func aKeySelectsNamesOfAFlatFile() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("prefixed.safetensors")
    let weights = try Safetensors.read(fixture("expected.safetensors")).tensors
      .filter { !$0.key.hasPrefix("resized.") }
    let prefixed =
      weights.map { ("student.vit.\($0.key)", $0.value) } + [("teacher.x", Tensor([1], shape: [1]))]
    try Safetensors.write(Dictionary(uniqueKeysWithValues: prefixed), to: path)
    let loaded = try CheckpointLoader.load(
      CheckpointRequest(path: path, checkpointKey: "student.vit", headCount: 2))
    #expect(loaded.weights.count == weights.count)
    let error = try #require(throws: InputError.self) {
      try CheckpointLoader.load(CheckpointRequest(path: path, checkpointKey: "model", headCount: 2))
    }
    #expect(error.reason.contains("begins with \"model.\""))
  }
}
