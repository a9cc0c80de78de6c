import Foundation
import TestSupport
import Testing
import TokenStore

/// Files that tools/reference/cache.py wrote: shards but for one thing each.
@Suite struct HostileShardTests {
  @Test func aShardOfAnotherProgramIsRead() throws {
    let skeleton = try HDF5.readSkeleton(of: Fixtures.path("cache/good.h5"))
    #expect(skeleton.byteCount == 2110)
    #expect(skeleton.placements.keys.sorted() == ["ids", "row_state", "tokens"])
    #expect(
      skeleton.placements["tokens"]?.shape == [2, 3, 4] && skeleton.placements["tokens"]?.type == .float16)
    #expect(skeleton.placements["ids"]?.type == .text(byteCount: 6))
    #expect(
      skeleton.attributes
        == ShardAttributes(configurationJSON: #"{"model":{}}"#, shardIndex: 3, rowStart: 6))
  }

  @Test(arguments: [
    ("soft-link", "points elsewhere"), ("external-link", "points elsewhere"),
    ("chunked", "not stored contiguously"), ("gzip", "not stored contiguously"),
    ("compact", "not stored contiguously"), ("virtual", "not stored contiguously"),
    ("external-storage", "stored in other files"), ("unallocated", "not inside the file"),
    ("huge", "does not fit into a file"), ("overflowing", "does not fit into a file"),
    ("no-rows", "not inside the file"), ("big-endian", "type that a token cache does not use"),
    ("float64", "type that a token cache does not use"), ("compound", "type that a token cache does not use"),
    ("variable-text", "type that a token cache does not use"),
    ("ascii-text", "type that a token cache does not use"), ("long-text", "texts of 5000 bytes"),
    ("scalar", "not an array"), ("five-dimensions", "5 dimensions"), ("group", "cannot open as HDF5"),
    ("long-name", "name of 100 bytes"), ("many-links", "603 entries"), ("overlapping", "overlap"),
    ("no-schema", "no attribute schema"), ("no-config", "no attribute config_json"),
    ("variable-config", "type that a token cache does not use"), ("config-not-utf8", "not UTF-8"),
    ("signed-index", "no unsigned 64-bit integer"), ("array-index", "not a single value"),
    ("user-block", "512 bytes before its HDF5 part"), ("lying-offset", "not inside the file"),
    ("lying-end", "not inside the file"), ("lying-size", "another number of bytes"),
    ("truncated", "truncated file"), ("signature-only", "cannot open as HDF5"),
  ])
  func whateverIsNotAShardIsRefused(name: String, reason: String) throws {
    let path = Fixtures.path("cache/\(name).h5")
    let text = errorText { _ = try HDF5.readSkeleton(of: path) }
    #expect(text?.hasPrefix(path) == true && text?.contains(reason) == true, "\(text ?? "no error")")
  }

  @Test(arguments: [[], Array("not HDF5 at all".utf8), [UInt8](repeating: 0, count: 100_000)])
  func whateverIsNotHDF5IsRefused(content: [UInt8]) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(content, to: "shard.h5")
    #expect(errorText { _ = try HDF5.readSkeleton(of: path) }?.contains("cannot open as HDF5") == true)
    #expect(errorText { _ = try HDF5.readSkeleton(of: folder.path) }?.contains("not a regular file") == true)
    #expect(errorText { _ = try HDF5.readSkeleton(of: path + "x") }?.contains("No such file") == true)
  }
}
