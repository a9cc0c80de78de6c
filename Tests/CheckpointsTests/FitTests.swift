import Checkpoints
import Compute
import Files
import TestSupport
import Tensors
import Testing

/// Weights that do not make up an encoder.
@Suite struct FitTests {
  /// The error for the small model's weights after a change.
  private func error(_ change: (inout [String: Tensor]) -> Void) throws -> InputError {
    let folder = try TemporaryFolder()
    var weights = try Safetensors.read(fixture("expected.safetensors")).tensors
      .filter { !$0.key.hasPrefix("resized.") }
    change(&weights)
    let path = folder.file("changed.safetensors")
    try Safetensors.write(weights, to: path)
    return try #require(throws: InputError.self) {
      try CheckpointLoader.load(CheckpointRequest(path: path, headCount: 2))
    }
  }

  private func zeros(_ shape: Int...) -> Tensor {
    Tensor([Float](repeating: 0, count: shape.reduce(1, *)), shape: shape)
  }

  @Test func missingLeftOverAndMisshapenKeysAreNamedTogether() throws {
    let error = try error { weights in
      weights["blocks.1.norm2.bias"] = nil
      weights["norm.bias"] = nil
      weights["dust_token"] = zeros(1, 1, 8)
      weights["blocks.0.attn.proj.weight"] = zeros(8, 9)
    }
    #expect(
      error.reason == "does not fit a Vision Transformer of width 8 and depth 2: "
        + "2 keys are missing (blocks.1.norm2.bias, norm.bias); 1 key is left over (dust_token); "
        + "1 key is of the wrong shape or type (blocks.0.attn.proj.weight is [8, 9] instead of [8, 8])")
  }

  @Test func listsOfKeysAreBounded() throws {
    let error = try error { weights in
      for index in 0..<100 { weights["extra.\(index)"] = zeros(1) }
    }
    #expect(error.reason.contains("100 keys are left over (extra.0, extra.1,"))
    #expect(error.reason.contains("and 90 more"))
  }

  @Test func integersAreNoWeights() throws {
    let error = try error { weights in
      weights["norm.bias"] = Tensor(owning: SharedBuffer(count: 64), elementType: .int64, shape: [8])
    }
    #expect(error.reason.contains("norm.bias is of type int64"))
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func valuesThatAreNotFiniteAreRefusedByKey(value: Float) throws {
    let error = try error { weights in
      weights["blocks.1.norm1.bias"] = Tensor([0, 0, 0, 0, 0, 0, 0, value], shape: [8])
    }
    #expect(error.reason == "blocks.1.norm1.bias holds an infinity or NaN")
  }

  @Test(arguments: [
    (ElementType.float16, [UInt8](arrayLiteral: 0x00, 0x7C)), (.bfloat16, [0xC0, 0xFF]),
    (.float64, [0, 0, 0, 0, 0, 0, 0xF0, 0x7F]),
    // Finite in double precision only.
    (.float64, [0, 0, 0, 0, 0, 0, 0xF0, 0x4F]),
  ])
  func valuesThatAreNotFiniteAreFoundInEveryType(_ type: ElementType, _ last: [UInt8]) throws {
    let error = try error { weights in
      let values = [UInt8](repeating: 0, count: 7 * type.byteCount) + last
      weights["norm.weight"] = Tensor(owning: SharedBuffer(values), elementType: type, shape: [8])
    }
    #expect(error.reason == "norm.weight holds an infinity or NaN")
  }

  @Test(arguments: [
    ("patch_embed.proj.weight", "holds no Vision Transformer under any names that are known"),
    (
      "blocks.0.mlp.fc1.weight",
      "holds no Vision Transformer under the names of timm: blocks.0.mlp.fc1.weight is missing"
    ),
  ])
  func otherModelsAreRefusedWithTheirKeys(missing: String, reason: String) throws {
    let error = try error { weights in weights[missing] = nil }
    #expect(error.reason == reason)
    #expect(error.remedy?.contains("the names here are ") == true)
  }

  @Test func aPositionEmbeddingOfNoGridIsRefused() throws {
    let error = try error { weights in weights["pos_embed"] = zeros(1, 15, 8) }
    #expect(error.reason.contains("15 entries, which is no square grid"))
  }

  @Test func impossibleBlockNumbersAreRefused() throws {
    let error = try error { weights in weights["blocks.99999999.norm1.bias"] = zeros(8) }
    #expect(error.reason.contains("has a block number"))
    for number in ["9223372036854775807", "01", "1e1"] {
      let error = try self.error { weights in weights["blocks.\(number).norm1.bias"] = zeros(8) }
      #expect(error.reason.contains("left over (blocks.\(number).norm1.bias)"))
    }
  }

  @Test func aModelThatNothingTellsPositionsIsRefused() throws {
    let error = try error { weights in weights["pos_embed"] = nil }
    #expect(error.reason.hasPrefix("has no position embedding and no relative positions"))
    #expect(error.remedy?.contains("--model NAME") == true)
  }
}
