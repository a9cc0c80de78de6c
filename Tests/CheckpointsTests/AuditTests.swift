import Checkpoints
import Files
import Foundation
import TestSupport
import Tensors
import Testing

/// Every key and its fate, whether or not a checkpoint can be loaded.
@Suite struct AuditTests {
  @Test func aGoodCheckpointHasNoProblem() throws {
    let audit = try CheckpointAudit(CheckpointRequest(path: fixture("mae.pth"), headCount: 2))
    #expect(audit.problem == nil && audit.missing.isEmpty)
    #expect(audit.dialect == "mae" && audit.key == "model" && audit.prefix == "")
    #expect(try audit.sha256 == SHA256.hexadecimal(ofFile: fixture("mae.pth")))
    #expect(audit.settings.contains { $0.name == "heads" && $0.origin == "from --num-heads" })
    let mask = try #require(audit.keys.first { $0.key == "mask_token" })
    #expect(mask.fate == .dropped && mask.shape == [1, 1, 4] && mask.reason == "part of the MAE decoder")
    let weight = try #require(audit.keys.first { $0.key == "norm.weight" })
    #expect(weight.fate == .used && weight.name == "norm.weight")
  }

  @Test func whatIsMissingOrLeftOverIsListed() throws {
    let folder = try TemporaryFolder()
    var weights = try Safetensors.read(Fixtures.path("families/transformers_vit/model.safetensors")).tensors
    weights["embeddings.dust"] = Tensor([1], shape: [1])
    let absent = try #require(weights.keys.first { $0.hasSuffix("layer.0.layernorm_after.bias") })
    weights[absent] = nil
    let path = folder.file("changed.safetensors")
    try Safetensors.write(weights, to: path)
    let audit = try CheckpointAudit(CheckpointRequest(path: path, headCount: 2))
    #expect(audit.missing == [absent])
    #expect(audit.keys.filter { $0.fate == .leftOver }.map(\.key) == ["embeddings.dust"])
    #expect(
      audit.problem?.contains("1 key is missing (\(absent)); 1 key is left over (embeddings.dust)") == true)
    #expect(audit.sha256 == nil)
  }

  @Test func keysOfUnknownModelsAreListedAsWell() throws {
    let audit = try CheckpointAudit(CheckpointRequest(path: Fixtures.path("families/refused_swin.pth")))
    #expect(audit.dialect == nil)
    #expect(audit.keys.count > 10 && audit.keys.allSatisfy { $0.fate == .leftOver })
    #expect(audit.problem?.hasPrefix("is a Swin Transformer") == true)
    #expect(throws: InputError.self) { try CheckpointAudit(CheckpointRequest(path: fixture("module.pth"))) }
  }
}
