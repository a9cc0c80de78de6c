import Compute
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
