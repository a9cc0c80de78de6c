import Compute
import Files
import Foundation
import Heads
import TestSupport
import Testing
import TokenStore

import Reading

@Suite struct BatchReaderTests {
  private let caches: TinyCaches
  private let parts = RowParts(tokens: 0..<7, classAttention: true, centerAttention: true)

  init() throws { caches = try TinyCaches() }

  private func reader(
    _ set: CacheSet, _ order: EpochOrder.Epoch? = nil, batchSize: Int
  ) throws -> (BatchReader, LabelledTokens) {
    let tokens = try LabelledTokens(set)
    let order = order ?? tokens.inRowOrder
    return (
      BatchReader(tokens, order, batchSize: batchSize, parts: parts, Parallel(threadCount: 2)), tokens
    )
  }

  /// Whatever is asked ahead, kept or let go, the batches are the same.
  @Test(arguments: [0, 1, 300, 256 << 20], [false, true])
  func batchesFollowTheOrder(readAhead: Int, staysInMemory: Bool) throws {
    let path = try caches.write("a", images: 50).path
    var options = ReadingOptions(checksRows: true, readAheadByteCount: readAhead)
    options.residentByteCount = staysInMemory ? 1 << 30 : 0
    let set = try CacheSet(paths: [path], options: options)
    #expect(set.staysInMemory(parts) == staysInMemory)
    let order = try EpochOrder(LabelledTokens(set), shuffle: .blocks, seed: 1)
    for epoch in 0..<2 {
      let views = order.epoch(epoch)
      let (reader, tokens) = try reader(set, views, batchSize: 16)
      var seen: [Int] = []
      while let batch = try reader.next() {
        #expect(batch.batch.rows == batch.views.map { tokens.rows[$0] })
        for row in batch.batch.rows { #expect(told(set.tokens(row: row)) == [0, row, 0, 2]) }
        seen += batch.views
      }
      #expect(seen == views.views)
      #expect(try reader.next() == nil)
    }
  }

  /// A reader that is let go of in the middle of an epoch asks for nothing more: its thread lets go of the caches.
  @Test(arguments: 0..<4) func readersStopWithTheirCaller(batches: Int) throws {
    let cache = try caches.write("a", images: 50)
    weak var used: CacheSet?
    do {
      var options = ReadingOptions(readAheadByteCount: 1)
      options.residentByteCount = 0
      let set = try CacheSet([cache], options: options)
      used = set
      let (reader, _) = try reader(set, batchSize: 7)
      for _ in 0..<batches { #expect(try reader.next()?.views.count == 7) }
    }
    let deadline = ContinuousClock.now + .seconds(20)
    while used != nil, ContinuousClock.now < deadline { usleep(1000) }
    #expect(used == nil)
  }

  @Test func featuresInMemoryNeedNoDisk() throws {
    let tokens = LabelledTokens(
      try FeatureMatrix(rowCount: 5, width: 3, folder: caches.folder.path), rows: [4, 2, 0],
      labels: [1, 0, 1])
    let reader = BatchReader(
      tokens, tokens.inRowOrder, batchSize: 2, parts: RowParts(), Parallel(threadCount: 1))
    #expect(try reader.next()?.batch.rows == [4, 2])
    #expect(try reader.next()?.batch.rows == [0])
    #expect(try reader.next() == nil)
  }

  @Test func partsOfRowsHaveTheirSizes() throws {
    let set = try CacheSet([try caches.write("a", images: 2) { $0.blocks = [0, 2] }])
    #expect(set.byteCount(RowParts(tokens: 0..<1)) == 4 * 2)
    #expect(set.byteCount(RowParts(tokens: 1..<7)) == 6 * 4 * 2)
    #expect(set.byteCount(RowParts(classAttention: true)) == 2 * 6 * 2)
    #expect(set.byteCount(parts) == 7 * 4 * 2 + 2 * 6 * 2 + 4 * 6 * 2)
    let quantized = try CacheSet([
      try caches.write("b", images: 2) {
        $0.precision = .init(compute: .float32, tokens: .int8, channelScales: [[1, 1, 1, 1]])
      }
    ])
    #expect(quantized.byteCount(RowParts(tokens: 0..<7)) == 7 * 4 + 7 * 4)
  }
}
