import Compute
import Files
import Foundation
import Heads
import TestSupport
import Testing
import TokenStore

import Reading

@Suite struct CacheSetTests {
  private let caches: TinyCaches

  init() throws { caches = try TinyCaches() }

  @Test func rowsOfJoinedCachesFollowEachOther() throws {
    let a = try caches.write("a", images: 10, prefix: "a", number: 1)
    // In 8 bits, with scales of its own.
    let b = try caches.write("b", images: 5, prefix: "b", number: 2) {
      $0.precision = .init(compute: .float32, tokens: .int8, channelScales: [[0.1, 0.2, 0.1, 0.3]])
    }
    let joined = try CacheSet([a, b])
    #expect(joined.rowCount == 15 && joined.layout.tokenCount == 7)
    #expect((0..<15).map { joined.id(row: $0) } == a.ids + b.ids)
    #expect(told(joined.tokens(row: 9)) == [1, 9, 0, 2])
    #expect(told(joined.tokens(row: 13)) == [2, 3, 0, 2])
    #expect(Set((0..<15).map { joined.shardNumber(row: $0) }).count == 3)
    let tokens = try LabelledTokens(joined)
    #expect(tokens.labels == (0..<10).map { $0 % 3 } + [0, 1, 2, 0, 1])
    #expect(try CacheSet([a]).identity() == SHA256.hexadecimal(ofFile: a.path + "/manifest.json"))
    #expect(try CacheSet([a, b]).identity() != CacheSet([b, a]).identity())
  }

  @Test(
    arguments: [
      ("checkpoint.sha256", { @Sendable in $0.checkpoint.sha256 = String(repeating: "d", count: 64) }),
      ("preprocessing.crop", { @Sendable in $0.preprocessing.crop = 5 }),
      ("does not store block 2, but 0, 1", { @Sendable in $0.blocks = [0, 1] }),
      ("statistics only", { @Sendable in $0.blocks = [] }),
    ] as [(String, @Sendable (inout CacheConfiguration) -> Void)])
  func cachesOfOtherTokensAreNotJoined(
    reason: String, change: @Sendable (inout CacheConfiguration) -> Void
  ) throws {
    let a = try caches.write("a", images: 3)
    let b = try caches.write("b", images: 3, change: change)
    let error = try #require(throws: InputError.self) { try CacheSet([a, b]) }
    #expect(error.subject == b.path && error.reason.contains(reason), "\(error)")
  }

  @Test func classesAreMatchedByName() throws {
    let a = try caches.write("a", images: 3)
    let b = try caches.write("b", images: 3) { $0.dataset.classNames = ["cat", "ant", "bee"] }
    #expect(try LabelledTokens(CacheSet([a, b])).labels == [0, 1, 2, 2, 0, 1])
    let c = try caches.write("c", images: 3) { $0.dataset.classNames = ["ant", "bee", "cow"] }
    let error = try #require(throws: InputError.self) { try LabelledTokens(CacheSet([a, c])) }
    #expect(error.subject == c.path && error.reason.contains("class_names"), "\(error)")
  }

  @Test func anyStoredBlockCanBeChosen() throws {
    let cache = try caches.write("a", images: 3) { $0.blocks = [0, 1, 2] }
    for block in 0...2 {
      let set = try CacheSet([cache], block: block)
      #expect(told(set.tokens(row: 1)) == [0, 1, 0, block])
      // Attention is of the encoder's last block.
      #expect(set.classAttention(row: 1)?.count == (block == 2 ? 2 * 6 * 2 : nil))
      #expect(set.centerAttention(row: 1)?.count == (block == 2 ? 4 * 6 * 2 : nil))
    }
    let error = try #require(throws: InputError.self) { try CacheSet([cache], block: 3) }
    #expect(error.reason == "does not store block 3, but 0, 1, 2")
    #expect(error.remedy?.contains("--return-block") == true)
  }

  @Test func damagedRowsAreNamedWhenTheyAreFirstRead() throws {
    let path = try caches.write("a", images: 20, shardSize: 8).path
    let name = path + "/shard-00001.h5"
    let places = try CacheManifest.read(path).shards[1].datasets
    var bytes = try bytes(ofFile: name)
    // Row 11 is the shard's row 3: in its statistics, which no head looks at.
    let statistics = try #require(places["magnitudes"])
    bytes[statistics.offset + 3 * 3 * 2 * 4] ^= 1
    try Data(bytes).write(to: URL(fileURLWithPath: name))
    for checks in [false, true] {
      let set = try CacheSet(paths: [path], options: ReadingOptions(checksRows: checks))
      let tokens = try LabelledTokens(set)
      let reader = BatchReader(
        tokens, tokens.inRowOrder, batchSize: 6, parts: RowParts(tokens: 0..<1), Parallel(threadCount: 2))
      #expect(try reader.next().map { Array($0.views) } == Array(0..<6))
      guard checks else {
        while try reader.next() != nil {}
        continue
      }
      let error = try #require(throws: InputError.self) { try reader.next() }
      #expect(error.subject == name)
      #expect(error.reason.contains("row 11 ") && error.reason.contains("11.jpg"), "\(error)")
      #expect(error.remedy?.contains("extract verify") == true)
    }
  }

  /// What has been checked is not read for it again.
  @Test func rowsAreCheckedOnce() throws {
    let path = try caches.write("a", images: 20).path
    let set = try CacheSet(paths: [path], options: ReadingOptions(checksRows: true))
    let parallel = Parallel(threadCount: 3)
    try set.check([1, 2, 19], parallel)
    let handle = try #require(FileHandle(forUpdatingAtPath: path + "/shard-00000.h5"))
    let place = try #require(try CacheManifest.read(path).shards[0].datasets["magnitudes"])
    try handle.seek(toOffset: UInt64(place.offset))
    try handle.write(contentsOf: [UInt8](repeating: 99, count: 8 * 24))
    try handle.close()
    try set.check([2, 1], parallel)
    #expect(throws: InputError.self) { try set.check([1, 3], parallel) }
  }

  @Test(arguments: [[], [0], [63], [64], [5, 5, 200, 64, 63]])
  func rowSetsHoldWhatIsInserted(rows: [Int]) {
    var set = RowSet()
    var expected: Set<Int> = []
    for row in rows { #expect(set.insert(row) == expected.insert(row).inserted) }
    #expect((0..<300).filter { set.contains($0) } == expected.sorted())
  }
}
