import Compute
import Files
import Foundation
import TestSupport
import Testing
import TokenStore

@Suite struct HostileManifestTests {
  @Test(arguments: [
    ("", "is empty"), ("{", "not valid JSON"), ("[]", "wrong type"), ("{}", "schema is missing"),
    ("\u{0}", "not valid JSON"),
    (#"{"schema": 1, "schema_version": 1}"#, "schema is of the wrong type"),
    (#"{"schema": "other", "schema_version": 1}"#, "schema 'other'"),
    (#"{"schema": "patchbank-token-cache", "schema_version": 2}"#, "newer version"),
    (#"{"schema": "patchbank-token-cache", "schema_version": 1e99}"#, "not valid JSON"),
    (#"{"schema": "patchbank-token-cache", "schema_version": 1}"#, "no digest of itself"),
    (
      #"{"schema": "patchbank-token-cache", "schema_version": 1, "manifest_sha256" : "0"#
        + String(repeating: "0", count: 63) + #""}"#, "digest is not the one in it"
    ),
    (String(repeating: "[", count: 100_000), "not valid JSON"),
  ])
  func whatIsNoManifestIsRefused(text: String, reason: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(text.utf8, to: "manifest.json")
    let error = errorText { _ = try TokenCache(folder.path) }
    #expect(error?.hasPrefix(path) == true && error?.contains(reason) == true, "\(error ?? "no error")")
  }

  @Test func aFolderWithoutManifestIsNoCache() throws {
    let folder = try TemporaryFolder()
    #expect(errorText { _ = try TokenCache(folder.path) }?.contains("is not a token cache") == true)
    #expect(errorText { _ = try TokenCache(folder.path + "/none") }?.contains("is not a token cache") == true)
    #expect(
      errorText { _ = try CacheVerifier.verify(folder.path + "/none") }?.contains("does not exist") == true)
  }

  /// Each change makes a manifest that is signed and of the right form, but says something that is not so.
  static let lies: [(name: String, reason: String, change: @Sendable (inout CacheManifest) -> Void)] = [
    ("a path as name", "instead of shard-00001.h5", { $0.shards[1].name = "../shard-00001.h5" }),
    ("an absolute path", "instead of shard-00000.h5", { $0.shards[0].name = "/etc/passwd" }),
    ("no rows", "rows is 0", { $0.rowCount = 0 }),
    ("negative rows", "rows is -1", { $0.rowCount = -1 }),
    ("very many rows", "rows is", { $0.rowCount = .max }),
    ("more rows", "none belongs", { $0.rowCount = 13 }),
    (
      "rows of a shard more", "lists 3 of 4 shards",
      {
        $0.rowCount = 13; $0.shards[2].rowCount = 4; $0.shards[2].datasets = $0.shards[1].datasets
      }
    ),
    ("fewer rows", "none belongs", { $0.rowCount = 9 }),
    ("no shard size", "shard_size is 0", { $0.shardSize = 0 }),
    ("huge shards", "shard_size is", { $0.shardSize = .max }),
    ("a shard twice", "none belongs", { $0.shards[1] = $0.shards[0] }),
    ("shards in another order", "none belongs", { $0.shards.swapAt(0, 1) }),
    ("too many shards", "lists 4 shards", { $0.shards.append($0.shards[0]) }),
    ("a missing shard", "lists 2 of 3 shards", { $0.shards.removeLast() }),
    ("a negative start", "none belongs", { $0.shards[0].rowStart = .min }),
    ("a shard's rows", "none belongs", { $0.shards[0].rowCount = 3 }),
    ("a negative size", "something impossible", { $0.shards[0].byteCount = -1 }),
    ("too many undecodable rows", "something impossible", { $0.shards[0].undecodableRowCount = 5 }),
    ("the undecodable rows' sum", "not the sum", { $0.undecodableRowCount = 2 }),
    ("no digest", "something impossible", { $0.shards[0].sha256 = "" }),
    (
      "no digest of the statistics", "no digest of attention-stats.json",
      { $0.attentionStatisticsSHA256 = nil }
    ),
    ("a dataset too few", "lacks the dataset labels", { $0.shards[0].datasets["labels"] = nil }),
    (
      "a dataset too many", "has a dataset more",
      { $0.shards[1].datasets["more"] = $0.shards[1].datasets["ids"] }
    ),
    ("no ids", "no texts in the dataset ids", { $0.shards[0].datasets["ids"] = nil }),
    ("a negative offset", "not lie inside", { $0.shards[0].datasets["tokens"]!.offset = -4096 }),
    ("an offset outside", "not lie inside", { $0.shards[0].datasets["tokens"]!.offset = .max }),
    ("another offset", "are not where", { $0.shards[0].datasets["tokens"]!.offset += 8 }),
    ("an odd offset", "not aligned", { $0.shards[0].datasets["attention_stats"]!.offset += 1 }),
    (
      "another shape", "instead of float16 of shape [4, 7, 5]",
      { $0.shards[0].datasets["tokens"]!.shape = [4, 7, 6] }
    ),
    ("another type", "bfloat16 of shape", { $0.shards[0].datasets["tokens"]!.type = .bfloat16 }),
    ("a shorter file", "not lie inside", { $0.shards[0].byteCount = 100 }),
    ("another size", "bytes instead of", { $0.shards[0].byteCount += 4096 }),
    ("a huge grid", "model.grid_height", { $0.configuration.model.gridHeight = .max }),
    ("a huge width", "model.width", { $0.configuration.model.width = 1 << 40 }),
    ("a negative depth", "model.depth", { $0.configuration.model.depth = -1 }),
    ("no heads", "model.head_count", { $0.configuration.model.headCount = 0 }),
    ("very many prefix tokens", "model.prefix_token_count", { $0.configuration.model.prefixTokenCount = 65 }),
    ("[cls] without prefix", "no prefix token", { $0.configuration.model.prefixTokenCount = 0 }),
    ("blocks that do not exist", "blocks is [0, 3]", { $0.configuration.blocks = [0, 3] }),
    ("blocks out of order", "blocks is [2, 0]", { $0.configuration.blocks = [2, 0] }),
    ("a short norm", "final_norm has 1 weights", { $0.configuration.finalNorm!.weight = [1] }),
    ("tokens as booleans", "precision.tokens is bool", { $0.configuration.precision.tokens = .bool }),
    ("one mean", "three means", { $0.configuration.preprocessing.mean = [0] }),
    ("no views", "augmentation.views", { $0.configuration.augmentation.views = 0 }),
    ("a checkpoint's path", "a path and not a name", { $0.configuration.checkpoint.fileName = "/a/b" }),
    ("a path as source", "is nothing on the web", { $0.configuration.checkpoint.source = "/a/b" }),
    ("another mean", "preprocessing.mean is", { $0.configuration.preprocessing.mean[0] = 0.5 }),
    ("another class", "dataset.class_names is", { $0.configuration.dataset.classNames[1] = "lion" }),
    (
      "another listing", "listing_sha256 is", { $0.configuration.dataset.listingSHA256 = $0.shards[0].sha256 }
    ),
  ]

  @Test(arguments: lies.indices)
  func aManifestThatLiesIsRefused(index: Int) throws {
    let (name, reason, change) = Self.lies[index]
    let folder = try SampleCache.standard()
    var manifest = try CacheManifest.read(folder.path)
    change(&manifest)
    try manifest.write(folder.path)
    let error = errorText { _ = try TokenCache(folder.path) }
    #expect(error?.contains(reason) == true, "\(name): \(error ?? "no error")")
    #expect(try !CacheVerifier.verify(folder.path).isGood, "\(name)")
  }

  /// Likewise, of tokens in 8 bits.
  static let liesAboutScales:
    [(name: String, reason: String, change: @Sendable (inout CacheManifest) -> Void)] = [
      ("no scales", "lacks precision.channel_scales", { $0.configuration.precision.channelScales = nil }),
      ("scales of no block", "each of the 5 channels", { $0.configuration.precision.channelScales = [] }),
      (
        "scales of one block", "each of the 5 channels",
        { $0.configuration.precision.channelScales!.removeLast() }
      ),
      (
        "too few channels", "each of the 5 channels",
        { $0.configuration.precision.channelScales![1].removeLast() }
      ),
      (
        "a scale of zero", "of block 0 is 0.0 in channel 3",
        { $0.configuration.precision.channelScales![0][3] = 0 }
      ),
      (
        "a negative scale", "of block 2 is -1.0 in channel 4",
        { $0.configuration.precision.channelScales![1][4] = -1 }
      ),
      ("another scale", "channel_scales", { $0.configuration.precision.channelScales![1][4] = 2 }),
      (
        "scales of tokens that need none", "yet its tokens are float16",
        { $0.configuration.precision.tokens = .float16 }
      ),
      ("no token scales", "lacks the dataset tokens_scale", { $0.shards[0].datasets["tokens_scale"] = nil }),
      (
        "short token scales", "instead of float32 of shape [4, 7]",
        { $0.shards[0].datasets["tokens_block_00_scale"]!.shape = [4, 6] }
      ),
      (
        "token scales of another type", "is float16 of shape",
        { $0.shards[0].datasets["tokens_scale"]!.type = .float16 }
      ),
    ]

  @Test(arguments: liesAboutScales.indices)
  func aManifestThatLiesAboutScalesIsRefused(index: Int) throws {
    let (name, reason, change) = Self.liesAboutScales[index]
    let folder = try SampleCache(tokens: .int8).written()
    var manifest = try CacheManifest.read(folder.path)
    change(&manifest)
    try manifest.write(folder.path)
    let error = errorText { _ = try TokenCache(folder.path) }
    #expect(error?.contains(reason) == true, "\(name): \(error ?? "no error")")
    #expect(try !CacheVerifier.verify(folder.path).isGood, "\(name)")
  }

  /// JSON has no NaN, but other words for what is no number, and numbers beyond single precision.
  @Test(arguments: ["1e39", "1e999", "null", "\"nan\"", "[]"])
  func scalesThatAreNoNumbersAreRefused(text: String) throws {
    let folder = try SampleCache(tokens: .int8).written()
    var manifest = try CacheManifest.read(folder.path)
    manifest.configuration.precision.channelScales![0][2] = 12345
    let bytes = Array(try manifest.encoded().replacing("12345", with: text).utf8)
    // Signed anew: the digest of the text with its own digits set to 0.
    let zeros = String(repeating: "0", count: 64)
    let old = String(decoding: bytes, as: UTF8.self).firstMatch(of: /"manifest_sha256" : "([0-9a-f]{64})"/)!.1
    let unsigned = String(decoding: bytes, as: UTF8.self).replacing(old, with: zeros)
    var hash = SHA256()
    Array(unsigned.utf8).withUnsafeBytes { hash.update($0) }
    let signed = unsigned.replacing(
      "\"manifest_sha256\" : \"\(zeros)", with: "\"manifest_sha256\" : \"\(hash.hexadecimal())")
    try folder.write(signed.utf8, to: "manifest.json")
    let error = errorText { _ = try TokenCache(folder.path) }
    #expect(
      error?.contains("channel_scales") == true || error?.contains("not valid JSON") == true, "\(error ?? "")"
    )
  }

  /// A few bytes that plan 2^40 shards: nobody goes through them.
  @Test func manyPlannedShardsAreNoWork() throws {
    let folder = try SampleCache.standard()
    var manifest = try CacheManifest.read(folder.path)
    manifest.setShards([])
    (manifest.rowCount, manifest.shardSize) = (1 << 40, 1)
    try manifest.write(folder.path)
    for name in ["shard-00001.json", "shard-1099511627776.json", "shard-0.json", "shard-+0001.json"] {
      try folder.write([1], to: name)
    }
    #expect(try CacheManifest.read(folder.path).shards.isEmpty)
    let text =
      "1099511627776 of 1099511627776 shards are missing (shard-00000.h5, shard-00001.h5, shard-00002.h5, ...)"
    #expect(errorText { _ = try TokenCache(folder.path) }?.contains(text) == true)
    let report = try CacheVerifier.verify(folder.path)
    #expect(report.problems.map(\.file) == ["manifest.json"] && report.problems[0].reason.contains(text))
    #expect(errorText { _ = try SampleCache().writer(folder.path) }?.contains("rows is 10, not 1099") == true)
  }

  @Test func everyFlippedBitOfAManifestIsFound() throws {
    let folder = try SampleCache(rowCount: 3, undecodable: []).written()
    let path = folder.file("manifest.json")
    let good = try bytes(ofFile: path)
    var generator = SeededGenerator(seed: 1)
    for position in good.indices {
      var flipped = good
      flipped[position] ^= 1 << UInt8(generator.bounded(8))
      try Data(flipped).write(to: URL(fileURLWithPath: path))
      #expect(throws: (any Error).self, "byte \(position)") { try CacheManifest.read(folder.path) }
    }
  }

  @Test func shardsAreCheckedWithoutTheirManifest() throws {
    let folder = try SampleCache.standard()
    try folder.write(Array("{}".utf8), to: "manifest.json")
    let path = folder.file("shard-00001.h5")
    var shard = try bytes(ofFile: path)
    let offset = try HDF5.readSkeleton(of: path).placements["tokens"]!.offset
    shard[offset + 70 * 2] ^= 1
    try folder.write(shard, to: "shard-00001.h5")
    try folder.write(Array("no HDF5".utf8), to: "shard-00002.h5")
    let report = try CacheVerifier.verify(folder.path)
    #expect(report.problems.map(\.file) == ["manifest.json", "shard-00002.h5"])
    #expect(report.badRows.map(\.row) == [6])
    #expect(report.checkedRowCount == 8)
  }
}
