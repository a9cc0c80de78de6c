import Compute
import Files
import Foundation
import TestSupport
import Testing
import TokenStore

/// However a cache comes to be, its bytes are the same.
@Suite struct ResumeTests {
  let sample = SampleCache(rowCount: 23, undecodable: [5, 6, 22])

  /// The files that are not those of a cache which one thread wrote in order.
  private func differingFiles(_ folder: TemporaryFolder) throws -> [String] {
    let reference = try TemporaryFolder()
    try sample.write(to: reference.path)
    let (actual, expected) = (try contents(ofFolder: folder.path), try contents(ofFolder: reference.path))
    return Set(actual.keys).union(expected.keys).filter { actual[$0] != expected[$0] }.sorted()
  }

  @Test(arguments: 1...4)
  func threadsAndOrderDoNotMatter(threadCount: Int) throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: UInt64(threadCount))
    try sample.write(to: folder.path, threadCount: threadCount) { rows in
      generator.permutation(rows.count).map { rows[$0] }
    }
    #expect(try differingFiles(folder).isEmpty)
  }

  /// Stops again and again: between rows, in the middle of one, between the renaming of a shard and its record, before
  /// the statistics, and while a skeleton or a record is written.
  @Test(arguments: 0..<24)
  func aStoppedRunGoesOnToTheSameBytes(seed: UInt64) throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: seed)
    var runs = 0
    while try !run(folder, stoppingAfter: Int(generator.bounded(12)), &generator) {
      runs += 1
      try Wreckage.leave(in: folder, &generator)
      #expect(runs < 200)
    }
    #expect(runs > 0)
    #expect(try differingFiles(folder).isEmpty)
  }

  /// - Returns: whether the cache is complete.
  private func run(
    _ folder: TemporaryFolder, stoppingAfter limit: Int, _ generator: inout SeededGenerator
  ) throws -> Bool {
    let writer = try sample.writer(folder.path, threadCount: 3)
    let buffer = RowBuffer(layout: writer.layout)
    var written = 0
    for index in 0..<writer.shardCount {
      guard let shard = try writer.openShard(index) else { continue }
      for place in generator.permutation(shard.remainingRows.count) {
        guard written < limit else { return false }
        try sample.write(row: shard.remainingRows[place], to: shard, buffer)
        written += 1
      }
      if generator.bounded(4) == 0 { return false }
      try shard.finish(parallel: Parallel(threadCount: 1 + index % 2))
      if generator.bounded(4) == 0 {
        Folder.remove(folder.file(CacheManifest.recordName(index)))
        return false
      }
    }
    if generator.bounded(2) == 0 { return false }
    _ = try writer.finish()
    return true
  }

  @Test func aFinishedShardWithoutEntryIsAdoptedOnlyIfWhole() throws {
    let folder = try TemporaryFolder()
    try sample.write(to: folder.path)
    let before = try contents(ofFolder: folder.path)
    Folder.remove(folder.file("manifest.json"))
    var shard = before["shard-00002.h5"]!
    shard[shard.count / 2] ^= 1
    try folder.write(shard, to: "shard-00002.h5")
    let writer = try sample.writer(folder.path)
    #expect(try writer.openShard(0) == nil)
    #expect(writer.finishedRowCount == 4)
    let opened = try writer.openShard(2)
    #expect(opened?.remainingRows == Array(8..<12))
    #expect(writer.notices.count == 1 && writer.notices[0].contains("shard-00002.h5 is damaged"))
    #expect(
      try bytes(ofFile: folder.file("shard-00002.h5")) == shard,
      "a damaged shard stays until its successor is whole")
    withExtendedLifetime(opened) {}
  }

  /// A shard without its record is adopted and needs none; a damaged one stays until its successor is whole.
  @Test func roomIsNeededForWhatIsMadeAgain() throws {
    let folder = try TemporaryFolder()
    try sample.write(to: folder.path)
    let shard = try bytes(ofFile: folder.file("shard-00002.h5"))
    Folder.remove(folder.file("manifest.json"))
    #expect(try sample.writer(folder.path).missingByteCount() == 0)
    let cut = try folder.write(shard.dropLast(10), to: "shard-00002.h5")
    let missing = try sample.writer(folder.path).missingByteCount()
    #expect(missing >= 4 * sample.layout.rowByteCount)
    Folder.remove(cut)
    #expect(try sample.writer(folder.path).missingByteCount() == missing)
    try folder.write(shard, to: "shard-00002.h5.partial")
    #expect(try sample.writer(folder.path).missingByteCount() < missing)
  }

  @Test func missingAndCutShardsAreMadeAgain() throws {
    let folder = try TemporaryFolder()
    try sample.write(to: folder.path)
    let before = try contents(ofFolder: folder.path)
    Folder.remove(folder.file("shard-00001.h5"))
    try folder.write(before["shard-00003.h5"]!.dropLast(10), to: "shard-00003.h5")
    let writer = try sample.writer(folder.path)
    #expect(writer.finishedRowCount == 15 && writer.notices.count == 2)
    #expect(
      errorText { _ = try writer.finish() }?.contains(
        "2 of 6 shards are missing (shard-00001.h5, shard-00003.h5)") == true)
    #expect(errorText { _ = try TokenCache(folder.path) }?.contains("shard-00001.h5: is missing") == true)
    try sample.write(to: folder.path)
    #expect(try contents(ofFolder: folder.path) == before)
  }

  @Test func anUnfinishedCacheSaysWhatIsMissing() throws {
    let folder = try TemporaryFolder()
    let writer = try sample.writer(folder.path)
    for index in 1..<writer.shardCount {
      let shard = try #require(try writer.openShard(index))
      try sample.fill(shard)
    }
    let error = errorText { _ = try TokenCache(folder.path) }
    #expect(error?.contains("1 of 6 shards are missing (shard-00000.h5)") == true, "\(error ?? "")")
    #expect(error?.contains("run the same extraction again") == true)
    #expect(errorText { _ = try writer.finish() } == error)
    #expect(try CacheVerifier.verify(folder.path).problems.map(\.file) == ["manifest.json"])
  }

  @Test func twoWritersCannotHaveTheSameShard() throws {
    let folder = try TemporaryFolder()
    let (first, second) = (try sample.writer(folder.path), try sample.writer(folder.path))
    var shard = try first.openShard(0)
    #expect(errorText { _ = try second.openShard(0) }?.contains("being written by another process") == true)
    // Another shard is free, and each writer sees the other's records.
    let other = try #require(try second.openShard(1))
    let buffer = RowBuffer(layout: second.layout)
    for row in other.rowRange { try sample.write(row: row, to: other, buffer) }
    try other.finish()
    for row in 0..<3 { try sample.write(row: row, to: shard!, buffer) }
    shard = nil
    let taken = try #require(try second.openShard(0))
    #expect(taken.remainingRows == [3])
    try sample.write(row: 3, to: taken, buffer)
    try taken.finish()
    #expect(try CacheManifest.read(folder.path).shards.map(\.rowStart) == [0, 4])
    #expect(try first.openShard(0) == nil, "it was finished by the other one")
    try sample.write(to: folder.path)
    #expect(try differingFiles(folder).isEmpty)
  }
}

@Suite struct OtherSettingsTests {
  @Test func aCacheOfOtherSettingsIsNotContinued() throws {
    let folder = try SampleCache.standard()
    let before = try contents(ofFolder: folder.path)
    var other = SampleCache(tokens: .bfloat16)
    other.configuration.model.width = 6
    other.configuration.finalNorm = nil
    other.shardSize = 5
    let error = errorText { try other.write(to: folder.path) }
    #expect(
      error == "\(folder.path): was made for other settings, which are never mixed: "
        + "final_norm.bias is absent, not [0, 0.25, -1, ... 5 values]; final_norm.epsilon is absent, not 1e-06; "
        + "final_norm.weight is absent, not [0.1, 1, 1.5, ... 5 values]; model.width is 6, not 5; "
        + "precision.tokens is 'bfloat16', not 'float16'; the number of rows of a shard is 5, not 4; "
        + "choose another output folder, or the settings that it was made for")
    #expect(try contents(ofFolder: folder.path) == before)
  }

  @Test func norIsAShardOfOtherSettingsReplaced() throws {
    let folder = try SampleCache.standard()
    Folder.remove(folder.file("manifest.json"))
    let shard = try bytes(ofFile: folder.file("shard-00000.h5"))
    let error = errorText { try SampleCache(tokens: .bfloat16).write(to: folder.path) }
    #expect(error?.contains("precision.tokens is 'bfloat16', not 'float16'") == true, "\(error ?? "")")
    #expect(try bytes(ofFile: folder.file("shard-00000.h5")) == shard)
  }

  @Test func differencesNameTheSettings() {
    let configuration = SampleCache(classNames: (0..<6).map { "class \($0)" }).configuration
    #expect(configuration.differences(from: configuration).isEmpty)
    var other = configuration
    other.dataset.classNames[4] = "x"
    other.augmentation.seed -= 1
    other.checkpoint.key = nil
    #expect(
      configuration.differences(from: other) == [
        "augmentation.seed is 18446744073709551615, not 18446744073709551614",
        "checkpoint.key is 'model', not absent", "dataset.class_names[4] is 'class 4', not 'x'",
      ])
  }

  @Test func rowsThatNoCacheHoldsAreRefused() throws {
    let folder = try TemporaryFolder()
    for id in ["", "a\u{0}b", String(repeating: "x", count: 5000)] {
      var sample = SampleCache(rowCount: 2)
      sample.rows[1].id = id
      sample.configuration.dataset.listingSHA256 = RowIdentity.listingSHA256(of: sample.rows)
      #expect(
        errorText { try sample.write(to: folder.path) }?.contains("no path that a cache can hold") == true)
    }
    #expect(errorText { try SampleCache(rowCount: 0).write(to: folder.path) }?.contains("no images") == true)
  }
}
