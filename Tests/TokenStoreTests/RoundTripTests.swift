import Compute
import Foundation
import TestSupport
import Testing
import TokenStore

/// What a writer is given, a reader gives back.
@Suite struct RoundTripTests {
  @Test(arguments: [ElementType.float16, .bfloat16, .float32], [true, false])
  func everyValueComesBackRoundedToItsType(type: ElementType, hasClassToken: Bool) throws {
    let sample = SampleCache(tokens: type, hasClassToken: hasClassToken)
    let folder = try sample.written()
    let cache = try TokenCache(folder.path)
    #expect(cache.configuration == sample.configuration)
    #expect(cache.rowCount == 10 && cache.width == 5 && cache.tokenElementType == type)
    #expect(cache.tokenCount == (hasClassToken ? 7 : 6))
    #expect(cache.labels == sample.rows.map(\.label))
    #expect(cache.ids == sample.rows.map(\.id))
    #expect((0..<10).map { cache.identity(row: $0) } == sample.rows)
    #expect(cache.rowStates.enumerated().allSatisfy { $1 == ($0 == 5 ? .undecodable : .good) })
    for row in 0..<10 {
      for (index, dataset) in cache.layout.payload.enumerated() {
        let elementType: ElementType =
          dataset.name.hasPrefix("tokens") ? type : dataset.name.hasSuffix("attention") ? .float16 : .float32
        var expected = [UInt8](repeating: 0, count: dataset.rowByteCount)
        if row != 5 {
          let values = sample.values(row: row, dataset: index)
          expected.withUnsafeMutableBytes {
            elementType.encode(values, into: $0.baseAddress!, count: values.count)
          }
        }
        #expect(Array(stored(dataset.name, row: row, in: cache)) == expected, "\(dataset.name), row \(row)")
      }
    }
  }

  private func stored(_ name: String, row: Int, in cache: TokenCache) -> UnsafeRawBufferPointer {
    switch name {
    case "tokens": cache.tokens(row: row)
    case "tokens_block_00": cache.tokens(row: row, block: 0)
    case "cls_attention": cache.classAttention(row: row)!
    case "center_attention": cache.centerAttention(row: row)
    case "attention_stats": UnsafeRawBufferPointer(cache.attentionStatistics(row: row))
    default: UnsafeRawBufferPointer(cache.magnitudes(row: row))
    }
  }

  @Test func aCacheCanHoldStatisticsOnly() throws {
    let sample = SampleCache(blocks: [], hasClassToken: false)
    let folder = try sample.written()
    let cache = try TokenCache(folder.path)
    #expect(!cache.layout.datasets.contains { $0.name.hasPrefix("tokens") })
    #expect(cache.classAttention(row: 0) == nil)
    #expect(try CacheVerifier.verify(folder.path).isGood)
  }

  @Test func datasetsBeginOnPagesAndNothingElseIsInTheFolder() throws {
    let folder = try SampleCache.standard()
    let cache = try TokenCache(folder.path)
    #expect(cache.manifest.shards.allSatisfy { $0.datasets.values.allSatisfy { $0.offset % 4096 == 0 } })
    #expect(
      try contents(ofFolder: folder.path).keys.sorted() == [
        "README.md", "attention-stats.json", "manifest.json", "shard-00000.h5", "shard-00001.h5",
        "shard-00002.h5",
      ])
  }

  /// An attribute beyond 64 KB is stored differently by libhdf5.
  @Test(arguments: [100, 30_000])
  func aLongConfigurationFits(classCount: Int) throws {
    let sample = SampleCache(classNames: (0..<classCount).map { "a class of name \($0)" })
    let folder = try sample.written()
    #expect(try TokenCache(folder.path).configuration == sample.configuration)
    #expect(try CacheVerifier.verify(folder.path).isGood)
  }

  @Test func valuesThatTheStoredTypeCannotHoldAreRefused() throws {
    let sample = SampleCache(tokens: .float16)
    let buffer = RowBuffer(layout: sample.layout)
    var values = [Float](repeating: 1, count: 35)
    values[34] = 70_000
    let tooLarge = errorText { try buffer.setTokens(values, blockIndex: 0) }
    #expect(
      tooLarge?.contains("70000") == true && tooLarge?.contains("--token-dtype") == true, "\(tooLarge ?? "")")
    values[34] = .nan
    #expect(errorText { try buffer.setTokens(values, blockIndex: 1) }?.contains("nan at index 34") == true)
    let wide = RowBuffer(layout: SampleCache(tokens: .bfloat16).layout)
    values[34] = 70_000
    try wide.setTokens(values, blockIndex: 0)
  }
}
