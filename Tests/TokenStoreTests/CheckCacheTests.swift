import Compute
import Files
import Foundation
import TestSupport
import Testing
import TokenStore

/// A Python that has h5py, where there is one.
private enum H5Py {
  static let python: String? = {
    let candidates = [ProcessInfo.processInfo.environment["PATCHBANK_PYTHON"], "python3"].compactMap { $0 }
    return candidates.first { (try? run([$0, "-c", "import h5py, numpy"]))?.status == 0 }
  }()

  static func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}

/// tools/check-cache reads a cache with h5py and none of our code. It runs where there is a Python that has h5py: the
/// one that PATCHBANK_PYTHON names, or python3.
@Suite(.enabled(if: H5Py.python != nil, "needs a Python with h5py (PATCHBANK_PYTHON)"))
struct CheckCacheTests {
  private func check(_ folder: TemporaryFolder) throws -> (status: Int32, output: String) {
    let tool = URL(fileURLWithPath: Fixtures.path("../../tools/check-cache")).standardized.path
    return try H5Py.run([try #require(H5Py.python), tool, folder.path])
  }

  @Test(arguments: [ElementType.float16, .bfloat16, .float32, .int8], [true, false])
  func h5pyReadsWhatTheWriterWrote(type: ElementType, hasClassToken: Bool) throws {
    let sample = SampleCache(rowCount: 23, tokens: type, hasClassToken: hasClassToken)
    let result = try check(try sample.written())
    #expect(result.status == 0, "\(result.output)")
    #expect(
      result.output.contains("23 rows in 6 shards") && result.output.contains("22 good rows, 1 undecodable"))
  }

  @Test func h5pyFindsScalesThatAreNotTheSettings() throws {
    let folder = try SampleCache(tokens: .int8).written()
    var manifest = try CacheManifest.read(folder.path)
    manifest.configuration.precision.channelScales![1][2] = 0
    try manifest.write(folder.path)
    let result = try check(folder)
    #expect(
      result.status == 1 && result.output.contains("a channel_scale is not positive"), "\(result.output)")
    #expect(result.output.contains("config_json is not the manifest's config"))
  }

  /// One line, and no trace of Python's, of what nothing can be calculated with.
  @Test(arguments: [
    (#""shard_size" : 4"#, #""shard_size" : 0"#, "manifest.json: shard_size is missing"),
    (#""shard_size" : 4"#, #""shard_size" : "4""#, "manifest.json: shard_size is missing"),
    (#""depth" : 3"#, #""depth" : null"#, "manifest.json: depth is missing"),
    (#""rows" : 4,"#, #""rows" : [],"#, "manifest.json: shards[0].rows is missing"),
    (#""name" : "shard-00000.h5""#, #""name" : "../x""#, "manifest.json: shards[0].name is missing"),
    (
      #""manifest_sha256" : ""#, #""manifest_sha256" : 7, "x" : ""#,
      "manifest.json: manifest_sha256 is missing"
    ),
    (#""config" : {"#, #""config" : 1, "x" : {"#, "manifest.json: config is missing"),
    (#""schema" : "#, #""schema" "#, "cannot be checked to its end: JSONDecodeError"),
  ])
  func h5pyIsNotAskedForNonsense(good: String, bad: String, line: String) throws {
    let folder = try SampleCache.standard()
    let text = String(decoding: try bytes(ofFile: folder.file("manifest.json")), as: UTF8.self)
    #expect(text.contains(good), "the manifest is written otherwise than this test thinks")
    try folder.write(text.replacing(good, with: bad, maxReplacements: 1).utf8, to: "manifest.json")
    let result = try check(folder)
    #expect(result.status == 1 && result.output.hasPrefix("mismatch: " + line), "\(result.output)")
    #expect(result.output.split(separator: "\n").count == 1, "\(result.output)")
  }

  @Test(arguments: [
    (#""maximum_entropy" : 1."#, #""maximum_entropy" : 2."#, "maximum_entropy is not log 6"),
    (#""block" : 2"#, #""block" : 9"#, "blocks are not the model's 3"),
    (#""blocks" : ["#, #""blocks" : [], "x" : ["#, "blocks are not the model's 3"),
    (#""rows" : 9"#, #""rows" : 8"#, "not the 9 good rows"),
    (#""mean" : "#, #""mean" : 1"#, "mean is not that of the rows"),
    (#""head_means" : ["#, #""head_means" : [0,"#, "head_means is not that of the rows"),
    (#""row_std" : "#, #""row_std" : 1"#, "row_std is not that of the rows"),
  ])
  func h5pyFindsOtherStatistics(good: String, bad: String, line: String) throws {
    let folder = try SampleCache.standard()
    let path = folder.file("attention-stats.json")
    let text = String(decoding: try bytes(ofFile: path), as: UTF8.self)
    #expect(text.contains(good), "the statistics are written otherwise than this test thinks")
    try folder.write(text.replacing(good, with: bad, maxReplacements: 1).utf8, to: "attention-stats.json")
    var manifest = try CacheManifest.read(folder.path)
    manifest.attentionStatisticsSHA256 = try SHA256.hexadecimal(ofFile: path)
    try manifest.write(folder.path)
    let result = try check(folder)
    #expect(
      result.status == 1 && result.output.contains("mismatch: attention-stats.json: "), "\(result.output)")
    #expect(result.output.contains(line) && !result.output.contains("SHA-256"), "\(result.output)")
  }

  @Test func h5pyCountsUndecodableRows() throws {
    let folder = try SampleCache.standard()
    var manifest = try CacheManifest.read(folder.path)
    manifest.undecodableRowCount = 3
    try manifest.write(folder.path)
    let result = try check(folder)
    #expect(result.output.contains("manifest.json: 3 undecodable rows, shards hold 1"), "\(result.output)")
  }

  @Test func h5pyFindsTokensThatNoWriterMakes() throws {
    let folder = try SampleCache.quantized { $0["tokens_block_00"]![6] = 0x80 }
    let result = try check(folder)
    #expect(
      result.output.contains("shard-00001.h5: row 7: tokens_block_00 holds -128"), "\(result.output)")
    #expect(!result.output.contains("crc32"), "\(result.output)")
  }

  @Test func h5pyReadsACacheOfStatisticsOnly() throws {
    let result = try check(try SampleCache(blocks: []).written())
    #expect(result.status == 0 && result.output.contains("no tokens, statistics only"), "\(result.output)")
  }

  @Test(arguments: ["tokens", "tokens_scale", "labels", "ids", "row_state", "row_crc32", "attention_stats"])
  func h5pyFindsAFlippedBit(dataset: String) throws {
    let folder =
      try dataset.hasSuffix("_scale") ? SampleCache(tokens: .int8).written() : SampleCache.standard()
    let shard = try CacheManifest.read(folder.path).shards[1]
    var content = try bytes(ofFile: folder.file(shard.name))
    content[shard.datasets[dataset]!.offset] ^= 2
    try folder.write(content, to: shard.name)
    let result = try check(folder)
    #expect(result.status == 1)
    #expect(
      result.output.contains("mismatch: shard-00001.h5: row 4") && result.output.contains("crc32 differs"))
  }
}
