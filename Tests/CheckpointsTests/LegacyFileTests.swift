import Checkpoints
import Files
import TestSupport
import Testing

/// Files of torch.save before PyTorch 1.6 that lie about themselves.
@Suite struct LegacyFileTests {
  /// What loading says of a file whose state dict holds one weight of four bytes.
  private func error(_ change: (inout LegacyBuilder) -> Void) throws -> InputError {
    var builder = LegacyBuilder(
      object: PickleBuilder.holding { $0.tensor(key: "0", elementCount: 1, shape: [1], strides: [1]) },
      storages: [("0", 1, [0, 0, 128, 63])])
    change(&builder)
    let folder = try TemporaryFolder()
    let path = try folder.write(builder.bytes(), to: "old.pth")
    let error = try #require(throws: InputError.self) {
      try CheckpointLoader.load(CheckpointRequest(path: path, headCount: 1))
    }
    #expect(error.subject == path)
    return error
  }

  /// Whoever complains about a shape has read the file.
  private static let readReason = "patch_embed.proj.weight has the shape [1]"

  @Test func itIsRead() throws {
    #expect(try error { _ in }.reason.contains(Self.readReason))
    // PyTorch does not look behind the last storage either.
    #expect(try error { $0.end = [1, 2, 3] }.reason.contains(Self.readReason))
  }

  @Test func otherVersionsAndMachinesAreRefused() throws {
    #expect(try error { $0.version = 1002 }.reason.contains("format version"))
    let bigEndian = try error {
      $0.machine = PickleBuilder.dictionary {
        $0.text("little_endian"); $0.raw([0x89])
      }
    }
    #expect(bigEndian.reason == "was written on a big-endian machine")
    #expect(
      try error {
        $0.machine = PickleBuilder.dictionary {
          $0.text("type_sizes"); $0.instructions("}")
        }
      }
      .reason.contains("does not tell the order of bytes"))
    #expect(
      try error { $0.machine = [0x80, 2, 0x4E, 0x2E] }.reason.contains("does not tell the order of bytes"))
  }

  @Test func liesAboutStoragesAreRefused() throws {
    #expect(try error { $0.keys = [0x80, 2, 0x4E, 0x2E] }.reason.contains("are no list"))
    #expect(try error { $0.keys = [0x80, 2, 0x5D, 0x4E, 0x61, 0x2E] }.reason.contains("is no text"))
    #expect(
      try error { $0.storages.append(("1", 1, [0, 0, 0, 0])) }.reason.contains("1, which nothing in it uses"))
    #expect(try error { $0.storages.append($0.storages[0]) }.reason.contains("lists the storage 0 twice"))
    for count in [-1, 2, Int.max, 1 << 62] {
      #expect(try error { $0.storages[0].count = count }.reason.contains("ends in the storage 0"))
    }
    #expect(try error { $0.storages[0].bytes = [0, 0, 128] }.reason.contains("ends in the storage 0"))
  }

  /// The errors of a model whose weights are all in the file, but one.
  private func modelError(
    _ elementCount: Int, key: String, _ view: PickleBuilder.View? = nil
  ) throws -> InputError {
    try error { builder in
      builder.object = PickleBuilder.smallModel(replacing: "norm.bias") {
        $0.tensor(key: key, elementCount: elementCount, view: view, shape: [1], strides: [1])
      }
      builder.storages = [("0", 1, [0, 0, 128, 63])]
    }
  }

  @Test func tensorsMustFitTheirStorages() throws {
    #expect(
      try modelError(1, key: "1").reason.contains("norm.bias needs the storage 1, which is not in the file"))
    #expect(
      try modelError(2, key: "0").reason
        == "the tensor norm.bias needs 2 elements of torch.FloatStorage, but the storage 0 has 4 bytes")
    #expect(
      try modelError(1, key: "0", .init(offset: 0, count: 0)).reason.contains("reaches behind the 0 elements")
    )
    for (offset, count) in [(0, 2), (1, 1), (2, 0), (-1, 1), (0, -1), (Int.max, Int.max)] {
      #expect(
        try modelError(1, key: "0", .init(offset: offset, count: count)).reason
          .contains("norm.bias is a value made by an unknown persistent identifier"))
    }
  }

  @Test func storagesOfUnknownSizeEndTheirSearch() throws {
    let error = try error { builder in
      builder.object = PickleBuilder.holding {
        $0.tensor(storageType: "StrangeStorage", key: "1", elementCount: 1, shape: [1], strides: [1])
      }
      builder.storages = [("0", 1, [0, 0, 128, 63]), ("1", 1, [0])]
    }
    #expect(error.reason == "holds elements of torch.StrangeStorage, whose size is not known")
  }

  /// A class is saved with the path and the text of its source.
  @Test func aWholeModuleIsRefused() throws {
    let error = try error { builder in
      var pickle = PickleBuilder()
      pickle.instructions("(")
      pickle.text("module")
      pickle.global("models_vit", "VisionTransformer")
      pickle.text("models_vit.py")
      pickle.text("class VisionTransformer: pass")
      pickle.instructions("tQ)\u{1}")
      pickle.bytes[pickle.bytes.count - 1] = 0x81
      pickle.instructions("}b.")
      builder.object = pickle.bytes
      builder.storages = []
    }
    #expect(error.reason == "holds a value made by models_vit.VisionTransformer, not a state dict")
  }
}
