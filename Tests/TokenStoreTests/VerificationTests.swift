import Compute
import Files
import Foundation
import Synchronization
import TestSupport
import Testing
import TokenStore

@Suite struct VerificationTests {
  @Test func aGoodCacheIsGood() throws {
    let folder = try SampleCache.standard()
    let report = try CacheVerifier.verify(folder.path, parallel: Parallel(threadCount: 3))
    #expect(report.isGood, "\(report.problems)")
    #expect(report.checkedRowCount == 10 && report.undecodableRowCount == 1)
    #expect(report.byteCount == (try TokenCache(folder.path)).manifest.shards.reduce(0) { $0 + $1.byteCount })
  }

  /// Also within a shard, and up to the total where one cannot be read.
  @Test(arguments: [1, 3]) func rowsAreToldAsTheyAreChecked(threads: Int) throws {
    let folder = try SampleCache(rowCount: 40).written()
    let told = Mutex<[[Int?]]>([])
    _ = try CacheVerifier.verify(folder.path, parallel: Parallel(threadCount: threads)) { rows, total in
      told.withLock { $0.append([rows, total]) }
    }
    let counts = told.withLock { $0.map { $0[0]! } }
    #expect(counts.first == 0 && counts.last == 40 && counts == counts.sorted(), "\(counts)")
    #expect(Set(counts).count > 2, "\(counts)")
    #expect(told.withLock { $0.allSatisfy { $0[1] == 40 } })
    struct Stop: Error {}
    #expect(throws: Stop.self) {
      try CacheVerifier.verify(folder.path, parallel: Parallel(threadCount: threads)) { rows, _ in
        if rows > 0 { throw Stop() }
      }
    }
    Folder.remove(folder.file("manifest.json"))
    let alone = Mutex<[Int?]>([])
    _ = try CacheVerifier.verify(folder.path) { rows, total in
      alone.withLock { $0 += [rows, total] }
    }
    #expect(alone.withLock { $0.first == 0 && $0.dropLast().last == 40 && $0.last == .some(nil) })
  }

  /// One bit in each dataset: the report names the row.
  @Test(arguments: SampleCache().layout.datasets.map(\.name))
  func aFlippedBitIsFoundInItsRow(dataset: String) throws {
    try flipBits(in: dataset, of: try SampleCache.standard())
  }

  @Test(arguments: ["tokens", "tokens_scale", "tokens_block_00", "tokens_block_00_scale"])
  func aFlippedBitIsFoundInTokensOf8Bits(dataset: String) throws {
    try flipBits(in: dataset, of: try SampleCache(tokens: .int8).written())
  }

  /// What no writer makes, with the row's checksum, the shard's digest and the manifest's as they should be for it.
  @Test(
    arguments: [
      (.nan, nil, "the scale of a token in row 7 is not a finite number of at least 0"),
      (.infinity, nil, "the scale of a token in row 7 is not a finite number of at least 0"),
      (-1, nil, "the scale of a token in row 7 is not a finite number of at least 0"),
      (nil, 0x80, "a token in row 7 is -128, outside -127 to 127"),
    ] as [(Float?, UInt8?, String)])
  func tokensThatNoWriterMakesAreFound(scale: Float?, token: UInt8?, problem: String) throws {
    let folder = try SampleCache.quantized { row in
      if let scale { row["tokens_scale"]!.replaceSubrange(..<4, with: littleEndian(scale.bitPattern)) }
      if let token { row["tokens_block_00"]![6] = token }
    }
    let report = try CacheVerifier.verify(folder.path)
    #expect(report.problems.map(\.description) == ["shard-00001.h5: \(problem)"])
    #expect(report.badRows.isEmpty)
  }

  /// The settings in the shard are right, but h5py's users would multiply by something else.
  @Test func otherScalesInAnAttributeAreFound() throws {
    let folder = try SampleCache(tokens: .int8).written()
    let (sample, name) = (SampleCache(tokens: .int8), "shard-00000.h5")
    let skeleton = try HDF5.readSkeleton(of: folder.file(name))
    let datasets = sample.layout.datasets.map { dataset in
      RowDataset(
        name: dataset.name, type: dataset.type, rowShape: dataset.rowShape,
        channelScales: dataset.channelScales.map { $0 == 3 ? 4 : $0 })
    }
    let other = folder.file("other")
    try HDF5.writeSkeleton(to: other, datasets: datasets, rowCount: 4, attributes: skeleton.attributes)
    var content = try bytes(ofFile: other)
    let rows = try bytes(ofFile: folder.file(name))
    for (dataset, placement) in skeleton.placements {
      let range = placement.offset..<placement.offset + placement.byteCount
      #expect(try HDF5.readSkeleton(of: other).placements[dataset] == placement)
      content.replaceSubrange(range, with: rows[range])
    }
    try folder.write(content, to: name)
    Folder.remove(other)
    let error = errorText { _ = try TokenCache(folder.path) }
    #expect(error?.contains("channel_scale of its dataset tokens is not what") == true, "\(error ?? "")")
    #expect(try !CacheVerifier.verify(folder.path).isGood)
  }

  private func flipBits(in dataset: String, of folder: TemporaryFolder) throws {
    let shard = try CacheManifest.read(folder.path).shards[1]
    let placement = shard.datasets[dataset]!
    let good = try bytes(ofFile: folder.file(shard.name))
    var generator = SeededGenerator(seed: 3, stream: UInt64(placement.offset))
    let size = placement.shape.dropFirst().reduce(placement.type.byteCount, *)
    for row in 0..<4 {
      var flipped = good
      flipped[placement.offset + row * size + Int(generator.bounded(UInt64(size)))] ^=
        1 << UInt8(generator.bounded(8))
      try folder.write(flipped, to: shard.name)
      let report = try CacheVerifier.verify(folder.path, parallel: Parallel(threadCount: 1 + row % 2))
      #expect(report.badRows.map(\.row) == [4 + row], "\(dataset), row \(4 + row)")
      #expect(report.badRows[0].shard == shard.name)
      if dataset != "ids" { #expect(report.badRows[0].id == SampleCache().rows[4 + row].id) }
      #expect(report.problems.contains { $0.file == shard.name && $0.reason.contains("SHA-256") })
    }
  }

  /// Anywhere in a file: found, and opening the cache either works or throws.
  @Test(arguments: ["shard-00000.h5", "shard-00002.h5", "attention-stats.json", "manifest.json"])
  func aFlippedBitIsFoundAnywhere(name: String) throws {
    let folder = try SampleCache.standard()
    let good = try bytes(ofFile: folder.file(name))
    var generator = SeededGenerator(seed: 4, stream: UInt64(good.count))
    for trial in 0..<60 {
      // Half of the flips go to the HDF5 headers at the beginning.
      let range = trial % 2 == 0 ? good.count : min(good.count, 9000)
      let position = Int(generator.bounded(UInt64(range)))
      var flipped = good
      flipped[position] ^= 1 << UInt8(generator.bounded(8))
      try folder.write(flipped, to: name)
      let report = try CacheVerifier.verify(folder.path, parallel: Parallel(threadCount: 1))
      #expect(report.problems.contains { $0.file == name }, "byte \(position)")
      _ = try? TokenCache(folder.path)
    }
  }

  @Test(arguments: [0, 1, 8, 96, 4096, 10_000, 40_000])
  func aCutShardIsFound(length: Int) throws {
    let folder = try SampleCache.standard()
    let good = try bytes(ofFile: folder.file("shard-00001.h5"))
    try folder.write(good.prefix(length), to: "shard-00001.h5")
    let report = try CacheVerifier.verify(folder.path)
    #expect(
      report.problems.contains { $0.file == "shard-00001.h5" && $0.reason.contains("rows 4 to 7 are lost") })
    #expect(report.checkedRowCount == 6)
    #expect(
      errorText { _ = try TokenCache(folder.path) }?.contains("has \(length) bytes instead of \(good.count)")
        == true)
  }

  @Test(arguments: ["shard-00001.h5", "attention-stats.json", "manifest.json"])
  func aMissingFileIsFound(name: String) throws {
    let folder = try SampleCache.standard()
    Folder.remove(folder.file(name))
    let report = try CacheVerifier.verify(folder.path)
    #expect(report.problems.contains { $0.file == name }, "\(report.problems)")
    if name.hasPrefix("shard") {
      #expect(
        errorText { _ = try TokenCache(folder.path) }?.contains("is missing: it holds the 4 rows from 4 on")
          == true)
    }
  }

  @Test func aShardOfAnotherCacheIsFound() throws {
    let (folder, other) = (try SampleCache.standard(), try SampleCache(tokens: .bfloat16).written())
    try folder.write(try bytes(ofFile: other.file("shard-00001.h5")), to: "shard-00001.h5")
    let report = try CacheVerifier.verify(folder.path)
    #expect(report.problems.contains { $0.file == "shard-00001.h5" })
    #expect(throws: InputError.self) { try TokenCache(folder.path) }
  }

  @Test func shardsThatChangedPlacesAreFound() throws {
    let folder = try SampleCache.standard()
    let (first, second) = (
      try bytes(ofFile: folder.file("shard-00000.h5")), try bytes(ofFile: folder.file("shard-00001.h5"))
    )
    try folder.write(second, to: "shard-00000.h5")
    try folder.write(first, to: "shard-00001.h5")
    let error = errorText { _ = try TokenCache(folder.path) }
    #expect(error?.contains("says that it is shard 1, from row 4 on") == true, "\(error ?? "")")
    #expect(try CacheVerifier.verify(folder.path).problems.count >= 2)
  }

  /// Statistics that are signed, but not those of the rows.
  @Test func otherStatisticsAreFound() throws {
    let folder = try SampleCache.standard()
    let path = folder.file("attention-stats.json")
    let text = String(decoding: try bytes(ofFile: path), as: UTF8.self)
    try folder.write(text.replacing("\"rows\" : 9", with: "\"rows\" : 8").utf8, to: "attention-stats.json")
    var manifest = try CacheManifest.read(folder.path)
    manifest.attentionStatisticsSHA256 = try SHA256.hexadecimal(ofFile: path)
    try manifest.write(folder.path)
    let report = try CacheVerifier.verify(folder.path)
    #expect(report.problems.map(\.description) == ["attention-stats.json: is not the average of the rows"])
  }
}
