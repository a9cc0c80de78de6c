import Foundation
import TestSupport
import Testing

/// `extract audit` and `extract convert`, run as a user runs them.
@Suite struct CheckpointProgramTests {
  private let program = Program("extract")

  @Test func anAuditListsEveryKeyAsATableAndAsJSON() throws {
    let path = Fixtures.path("families/simmim_pretraining.pth")
    let table = try program.run(["audit", path, "--num-heads", "2"])
    #expect(table.status == 0, "\(table.diagnostics)")
    #expect(table.output.contains("encoder.blocks.0.attn.q_bias"))
    #expect(table.output.contains("part of the decoder"))
    #expect(table.output.contains("the weights have the names of simmim, with encoder. in front"))
    let json = try program.run(["audit", path, "--num-heads", "2", "--simmim", "--json"])
    let audit = try #require(
      try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    #expect(audit["dialect"] as? String == "simmim")
    let keys = try #require(audit["keys"] as? [[String: Any]])
    let bias = try #require(keys.first { $0["key"] as? String == "encoder.blocks.0.attn.q_bias" })
    #expect(bias["fate"] as? String == "used" && bias["name"] as? String == "blocks.0.attn.qkv.bias")
  }

  @Test func anAuditOfWhatCannotBeLoadedSaysWhy() throws {
    let audit = try program.run(["audit", Fixtures.path("families/refused_swin.pth")])
    #expect(audit.status == 1)
    #expect(audit.output.contains("left over"))
    #expect(audit.diagnostics.contains("is a Swin Transformer"))
  }

  @Test func aConvertedCheckpointNeedsNoOptions() throws {
    let folder = try TemporaryFolder()
    let path = Fixtures.path("families/beit_pretraining.pth")
    let convert = try program.run(["convert", path, "--output-dir", folder.file("timm"), "--num-heads", "2"])
    #expect(convert.status == 0, "\(convert.diagnostics)")
    #expect(convert.output.contains("2 blocks of beit as timm's beit_base_patch16_224"))
    #expect(convert.diagnostics.contains("mask_token"))
    let audit = try program.run(["audit", folder.file("timm")])
    #expect(audit.status == 0, "\(audit.diagnostics)")
    let quiet = try program.run([
      "convert", Fixtures.path("families/capi.pth"), "--output-dir", folder.file("capi"), "--num-heads", "2",
    ])
    #expect(quiet.status == 1 && quiet.diagnostics.contains("cannot be written for timm"))
    #expect(!FileManager.default.fileExists(atPath: folder.file("capi")))
  }
}
