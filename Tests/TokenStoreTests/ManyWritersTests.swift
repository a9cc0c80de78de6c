import Compute
import Files
import Foundation
import Synchronization
import TestSupport
import Testing
import TokenStore

/// Several writers, as on several machines: they share nothing but the folder.
@Suite struct ManyWritersTests {
  static let sample = SampleCache(rowCount: 23, undecodable: [5, 6, 22])
  /// What one writer makes of the sample.
  static let expected = Result {
    let folder = try sample.written()
    return try withExtendedLifetime(folder) { try contents(ofFolder: folder.path) }
  }
  private var sample: SampleCache { Self.sample }

  private func expectWhole(_ folder: TemporaryFolder, _ comment: Comment? = nil) throws {
    let (actual, expected) = (try contents(ofFolder: folder.path), try Self.expected.get())
    let differing = Set(actual.keys).union(expected.keys).filter { actual[$0] != expected[$0] }
    #expect(differing.sorted() == [], comment)
  }

  private func shares(_ worldSize: Int) -> [ShardShare] {
    (0..<worldSize).map { ShardShare(rank: $0, worldSize: worldSize) }
  }

  @Test(arguments: [1, 2, 3, 7, 20])
  func sharesAreThePartsOfTheWhole(worldSize: Int) throws {
    let folder = try TemporaryFolder()
    let writers = try shares(worldSize).map { try sample.writer(folder.path, share: $0) }
    #expect(writers.flatMap { Array($0.shareShards) }.sorted() == Array(0..<6))
    #expect(writers.reduce(0) { $0 + $1.shareRowCount } == 23)
    let counts = writers.map { Array($0.shareShards).count }
    #expect(counts.max()! - counts.min()! <= 1)
    for (share, writer) in zip(shares(worldSize), writers) {
      #expect(Array(writer.shareShards) == (0..<6).filter { share.contains(shard: $0) })
    }
  }

  @Test(arguments: [1, 2, 3, 7])
  func theLastShareCompletesTheSameCache(worldSize: Int) throws {
    let folder = try TemporaryFolder()
    for share in shares(worldSize).reversed() {
      let writer = try sample.writer(folder.path, share: share)
      for index in writer.shareShards { try sample.fill(try #require(try writer.openShard(index))) }
      #expect(writer.finishedRowCount == writer.shareRowCount)
      let manifest = try writer.finishShare()
      #expect((manifest == nil) == (share.rank > 0))
      #expect(writer.missingShardCount == (0..<6).filter { $0 % worldSize < share.rank }.count)
    }
    try expectWhole(folder)
  }

  /// All start at one instant where there is not even a folder.
  @Test(arguments: [2, 3, 7])
  func allAtOnceMakeTheSameCache(worldSize: Int) throws {
    for attempt in 0..<8 {
      let folder = try TemporaryFolder()
      let path = folder.file("new/cache")
      let manifests = try atOnce(worldSize) { [sample] rank in
        try sample.write(ShardShare(rank: rank, worldSize: worldSize), to: path)
      }
      #expect(manifests.contains { $0 != nil }, "nobody completed the cache")
      #expect(try contents(ofFolder: path) == Self.expected.get(), "attempt \(attempt)")
    }
  }

  /// All shards are there and recorded: any number of processes may see that first. Those that are done clean up as long
  /// as others are not, whose files in the making are in the way.
  @Test func manyCompleteAtOnce() throws {
    let whole = try TemporaryFolder()
    let writer = try sample.writer(whole.path)
    for index in writer.shareShards { try sample.fill(try #require(try writer.openShard(index))) }
    let recorded = try contents(ofFolder: whole.path)
    #expect(recorded.keys.filter { $0.hasSuffix(".json") }.count == 7)
    for attempt in 0..<8 {
      let folder = try TemporaryFolder()
      for (name, content) in recorded { try folder.write(content, to: name) }
      let busyCount = Mutex(6)
      let rowCounts = try atOnce(6) { [sample] rank in
        let isWhole: Bool
        do {
          defer { busyCount.withLock { $0 -= 1 } }
          isWhole = try sample.write(ShardShare(rank: rank, worldSize: 6), to: folder.path) != nil
        }
        while busyCount.withLock({ $0 > 0 }) {
          try AtomicFile.removeLeftovers(
            of: ["manifest.json", "attention-stats.json", "README.md"], in: folder.path)
        }
        return isWhole ? try TokenCache(folder.path).rowCount : 0
      }
      #expect(rowCounts == [Int](repeating: 23, count: 6), "it is complete from the first one on")
      try expectWhole(folder, "attempt \(attempt)")
    }
  }

  /// Readers meet the manifest and the records in every state between partial and complete.
  @Test func readersSeeEveryFinishedShardWhileTheCacheIsCompleted() throws {
    for _ in 0..<8 {
      let folder = try TemporaryFolder()
      try sample.write(ShardShare(rank: 0, worldSize: 6), to: folder.path)
      let counts = try atOnce(3) { [sample] place in
        guard place > 0 else { return [try sample.write(to: folder.path).shards.count] }
        var counts: [Int] = []
        while counts.last != 6 { counts.append(try CacheManifest.read(folder.path).shards.count) }
        return counts
      }
      for counts in counts { #expect(counts == counts.sorted() && counts.first != 0) }
      try expectWhole(folder)
    }
  }

  /// Processes of every world size are lost again and again, with what kills leave behind.
  @Test(arguments: 0..<16)
  func lostSharesAreGoneOnWithByAnyNumber(seed: UInt64) throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<4 {
      for share in shares(1 + Int(generator.bounded(7))) {
        try lose(try sample.writer(folder.path, share: share), after: Int(generator.bounded(6)))
        try Wreckage.leave(in: folder, &generator)
      }
    }
    var complete = false
    for share in shares([1, 2, 3, 7][Int(seed % 4)]) {
      complete = try sample.write(share, to: folder.path) != nil
    }
    #expect(complete)
    try expectWhole(folder)
  }

  /// A process that ends after so many rows.
  private func lose(_ writer: CacheWriter, after limit: Int) throws {
    let buffer = RowBuffer(layout: writer.layout)
    var written = 0
    for index in writer.shareShards {
      guard let shard = try writer.openShard(index) else { continue }
      for row in shard.remainingRows {
        guard written < limit else { return }
        try sample.write(row: row, to: shard, buffer)
        written += 1
      }
      try shard.finish()
    }
  }

  @Test func onlyTheFirstSettingsAreWritten() throws {
    for _ in 0..<8 {
      let folder = try TemporaryFolder()
      let errors = try atOnce(4) { place in
        let other = SampleCache(rowCount: 23, tokens: place % 2 == 0 ? .float16 : .bfloat16)
        return errorText { _ = try other.writer(folder.path) }
      }
      #expect(errors.count { $0 == nil } == 2)
      #expect(errors.allSatisfy { $0?.contains("precision.tokens is") != false }, "\(errors)")
      #expect(try Folder.fileNames(folder.path) == ["manifest.json"])
    }
  }

  /// What a process that is started twice can do where locks do not keep it out.
  @Test(arguments: ["a row", "all rows", "the name", "the file"])
  func aShardThatSomeoneElseChangesIsNotFinished(what: String) throws {
    let folder = try TemporaryFolder()
    let writer = try sample.writer(folder.path)
    let shard = try #require(try writer.openShard(1))
    let buffer = RowBuffer(layout: writer.layout)
    for row in shard.remainingRows { try sample.write(row: row, to: shard, buffer) }
    let path = folder.file("shard-00001.h5.partial")
    let file = try Descriptor(path, .update)
    switch what {
    case "a row": try file.write([7, 7, 7], at: try file.size() / 2 / 4096 * 4096)
    case "all rows": try file.write([UInt8](repeating: 0, count: try file.size() - 8192), at: 8192)
    case "the name": try AtomicFile.rename(path, to: folder.file("elsewhere"))
    default: try AtomicFile.write("x", to: path)
    }
    let error = errorText { try shard.finish() }
    let reason =
      what.contains("row") ? " does not read back as it was written" : "has been replaced by another process"
    #expect(error?.contains(reason) == true, "\(error ?? "no error")")
    if what == "a row" { #expect(error?.contains(": row ") == true && error?.contains("more of") == false) }
    if what == "all rows" { #expect(error?.contains(": row 4 ") == true) }
    #expect(!Folder.contains(folder.file("shard-00001.h5")))
    Folder.remove(folder.file("elsewhere"))
    withExtendedLifetime(shard) {}
  }

  @Test func noRowIsWrittenIntoAShardThatSomeoneElseHasFinished() throws {
    let folder = try TemporaryFolder()
    let writer = try sample.writer(folder.path)
    let shard = try #require(try writer.openShard(1))
    let buffer = RowBuffer(layout: writer.layout)
    try sample.write(row: 4, to: shard, buffer)
    try AtomicFile.rename(folder.file("shard-00001.h5.partial"), to: folder.file("shard-00001.h5"))
    let finished = try bytes(ofFile: folder.file("shard-00001.h5"))
    let errors = [
      errorText { try sample.write(row: 7, to: shard, buffer) },
      errorText { try shard.writeUndecodable(row: 6) },
    ]
    for error in errors {
      #expect(error?.contains("was finished by it") == true, "\(error ?? "no error")")
    }
    #expect(try bytes(ofFile: folder.file("shard-00001.h5")) == finished)
  }

  /// Whoever has it open, without a lock, may have it mapped: cutting it would end that process.
  @Test func aPartialShardIsReplacedAndNeverCut() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([UInt8](repeating: 7, count: 70_000), to: "shard-00000.h5.partial")
    let old = try MappedFile(path)
    let shard = try #require(try sample.writer(folder.path).openShard(0))
    withExtendedLifetime(old) { #expect(old.bytes.allSatisfy { $0 == 7 }) }
    try sample.fill(shard)
    try sample.write(to: folder.path)
    try expectWhole(folder)
  }

  @Test func aLostShardOfACompleteCacheIsMadeByItsShareAlone() throws {
    let folder = try sample.written()
    Folder.remove(folder.file("shard-00003.h5"))
    let expected = try contents(ofFolder: folder.path)
    let (other, owner) = (shares(2)[0], shares(2)[1])
    let writer = try sample.writer(folder.path, share: other)
    #expect(writer.notices.isEmpty && writer.finishedRowCount == writer.shareRowCount)
    #expect(try writer.finishShare() == nil && writer.missingShardCount == 1)
    #expect(try contents(ofFolder: folder.path) == expected)
    #expect(try sample.writer(folder.path, share: owner).notices.count == 1)
    #expect(try sample.write(owner, to: folder.path) != nil)
    try expectWhole(folder)
  }
}

/// Runs a body once for each place, all from one instant on and each on a thread of its own, however few processors
/// there are.
private func atOnce<Result: Sendable>(
  _ count: Int, _ body: @escaping @Sendable (_ place: Int) throws -> Result
) throws -> [Result] {
  let results = Mutex<[Int: Swift.Result<Result, any Error>]>([:])
  let (start, end) = (DispatchSemaphore(value: 0), DispatchGroup())
  for place in 0..<count {
    end.enter()
    Thread.detachNewThread {
      start.wait()
      let result = Swift.Result { try body(place) }
      results.withLock { $0[place] = result }
      end.leave()
    }
  }
  for _ in 0..<count { start.signal() }
  end.wait()
  return try (0..<count).map { place in try results.withLock { try $0[place]!.get() } }
}

/// What is finished but not in the manifest.
@Suite struct RecordTests {
  let sample = SampleCache()

  /// A folder of three shards, of which the second is missing.
  private func partial() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    #expect(try sample.write(ShardShare(rank: 0, worldSize: 2), to: folder.path) == nil)
    return folder
  }

  /// The cache is completed, and the records removed, between the reading of the manifest and that of the records.
  @Test func whoMissesRecordsLooksAtTheManifestAgain() throws {
    let folder = try partial()
    var looks = 0
    let count = try CacheManifest.settled(folder.path) { manifest throws(InputError) in
      looks += 1
      if looks == 1 { _ = try? sample.write(to: folder.path) }
      return try manifest.addingRecords(folder.path).shards.count
    }
    #expect(looks == 2 && count == 3)
  }

  @Test func statisticsThatAreLostAreMadeAgain() throws {
    for lost in [nil, [], [1, 2]] as [[UInt8]?] {
      let folder = try SampleCache.standard()
      let expected = try contents(ofFolder: folder.path)
      Folder.remove(folder.file("attention-stats.json"))
      if let lost { try folder.write(lost, to: "attention-stats.json") }
      try sample.write(to: folder.path)
      #expect(try contents(ofFolder: folder.path) == expected)
    }
  }

  @Test func aCompletionThatFailsIsAnError() throws {
    let folder = try partial()
    try Folder.create(folder.file("README.md"))
    #expect(errorText { try sample.write(to: folder.path) }?.contains("README.md: cannot rename") == true)
    #expect(throws: InputError.self) { try TokenCache(folder.path) }
    try FileManager.default.removeItem(atPath: folder.file("README.md"))
    try sample.write(to: folder.path)
    let expected = try SampleCache.standard()
    #expect(try contents(ofFolder: folder.path) == contents(ofFolder: expected.path))
  }

  @Test func aPartialCacheKnowsWhatIsFinished() throws {
    let folder = try partial()
    #expect(try CacheManifest.read(folder.path).shards.map(\.rowStart) == [0, 8])
    let report = try CacheVerifier.verify(folder.path)
    #expect(report.checkedRowCount == 6 && report.badRows.isEmpty)
    #expect(report.problems.map(\.file) == ["manifest.json"])
    #expect(report.problems[0].reason.contains("1 of 3 shards are missing (shard-00001.h5)"))
  }

  /// As versions before records left it: the shards in the manifest.
  @Test func aPartialManifestWithShardsIsGoneOnWith() throws {
    let folder = try partial()
    let manifest = try CacheManifest.read(folder.path)
    try manifest.write(folder.path)
    for index in [0, 2] { Folder.remove(folder.file(CacheManifest.recordName(index))) }
    let writer = try sample.writer(folder.path)
    #expect(writer.finishedRowCount == 6 && writer.notices.isEmpty)
    try sample.write(to: folder.path)
    let expected = try SampleCache.standard()
    #expect(try contents(ofFolder: folder.path) == contents(ofFolder: expected.path))
  }

  @Test func recordsOfACompleteCacheAreRemoved() throws {
    let folder = try partial()
    let records = try [0, 2].map { try bytes(ofFile: folder.file(CacheManifest.recordName($0))) }
    try sample.write(to: folder.path)
    let expected = try contents(ofFolder: folder.path)
    // As after a kill between the complete manifest and the removal.
    for (index, record) in zip([0, 2], records) {
      try folder.write(record, to: CacheManifest.recordName(index))
    }
    try folder.write([1], to: "manifest.json.0123456789abcdef.partial")
    try folder.write([1], to: "a-file-of-the-user.partial")
    #expect(try TokenCache(folder.path).rowCount == 10)
    try sample.write(to: folder.path)
    var actual = try contents(ofFolder: folder.path)
    #expect(actual.removeValue(forKey: "a-file-of-the-user.partial") == [1])
    #expect(actual == expected)
  }

  /// Each makes the record of shard 0 something else, signed and of the right form where it changes the manifest.
  typealias Change = @Sendable (_ record: inout CacheManifest, _ shards: [CacheManifest.Shard]) -> Void
  static let lies: [(name: String, change: Change)] = [
    ("another shard's", { record, shards in record.setShards([shards[1]]) }),
    ("of two shards", { record, shards in record.setShards(shards) }),
    ("of no shard", { record, _ in record.setShards([]) }),
    ("complete", { record, _ in record.state = .complete }),
    ("of other settings", { record, _ in record.configuration.preprocessing.mean[0] = 0.5 }),
    ("of other rows", { record, _ in record.rowCount = 11 }),
    ("of a path", { record, _ in record.shards[0].name = "../shard-00000.h5" }),
    ("of another size", { record, _ in record.shards[0].byteCount += 4096 }),
    ("with an offset outside", { record, _ in record.shards[0].datasets["tokens"]!.offset = 1 << 40 }),
    ("with shorter ids", { record, _ in record.shards[0].shortenIDs() }),
    ("with a dataset too few", { record, _ in record.shards[0].datasets["labels"] = nil }),
    ("with no digest", { record, _ in record.shards[0].sha256 = "" }),
  ]

  @Test(arguments: lies.indices)
  func aRecordThatLiesIsNotUsed(index: Int) throws {
    let (name, change) = Self.lies[index]
    let folder = try partial()
    let manifest = try CacheManifest.read(folder.path)
    var record = manifest
    record.setShards([manifest.shards[0]])
    change(&record, manifest.shards)
    try folder.write(try record.encoded().utf8, to: CacheManifest.recordName(0))
    try expectOneBadRecord(folder, name)
  }

  @Test(arguments: ["", "{", "\u{0}", "[]", #"{"schema": "patchbank-token-cache", "schema_version": 1}"#])
  func whatIsNoRecordIsNotUsed(text: String) throws {
    let folder = try partial()
    try folder.write(text.utf8, to: CacheManifest.recordName(0))
    try expectOneBadRecord(folder, text)
  }

  @Test func aCutOrFlippedRecordIsNotUsed() throws {
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<8 {
      let folder = try partial()
      var record = try bytes(ofFile: folder.file(CacheManifest.recordName(0)))
      let place = Int(generator.bounded(UInt64(record.count)))
      if generator.bounded(2) == 0 { record[place] ^= 2 } else { record.removeSubrange(place...) }
      try folder.write(record, to: CacheManifest.recordName(0))
      try expectOneBadRecord(folder, "byte \(place)")
    }
  }

  @Test func aPipeInPlaceOfARecordIsNotReadForEver() throws {
    let folder = try partial()
    Folder.remove(folder.file(CacheManifest.recordName(0)))
    #expect(mkfifo(folder.file(CacheManifest.recordName(0)), 0o644) == 0)
    try expectOneBadRecord(folder, "a pipe")
  }

  @Test func aRecordWithoutItsShardIsNotUsed() throws {
    let folder = try partial()
    Folder.remove(folder.file("shard-00000.h5"))
    let writer = try sample.writer(folder.path)
    #expect(writer.finishedRowCount == 2)
    #expect(writer.notices == ["\(folder.file("shard-00000.h5")) is missing and is made again"])
    try sample.write(to: folder.path)
    let expected = try SampleCache.standard()
    #expect(try contents(ofFolder: folder.path) == contents(ofFolder: expected.path))
  }

  /// The shard counts as unfinished, is checked by its writer, and the cache becomes what it has to be.
  private func expectOneBadRecord(_ folder: TemporaryFolder, _ name: String) throws {
    let writer = try sample.writer(folder.path)
    #expect(writer.finishedRowCount == 2, "\(name)")
    #expect(writer.notices.count == 1, "\(name): \(writer.notices)")
    #expect(try sample.write(ShardShare(rank: 1, worldSize: 2), to: folder.path) == nil, "\(name)")
    try sample.write(to: folder.path)
    let expected = try SampleCache.standard()
    #expect(try contents(ofFolder: folder.path) == contents(ofFolder: expected.path), "\(name)")
  }
}

extension CacheManifest.Shard {
  /// Consistent in itself, and not with the cache.
  fileprivate mutating func shortenIDs() {
    datasets["ids"]!.type = .text(byteCount: 4)
  }
}
