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
          _ = expected.withUnsafeMutableBytes {
            elementType.encode(values, into: $0.baseAddress!, count: values.count)
          }
        }
        #expect(Array(stored(dataset.name, row: row, in: cache)) == expected, "\(dataset.name), row \(row)")
      }
    }
  }

  private func stored(_ name: String, row: Int, in cache: TokenCache) -> UnsafeRawBufferPointer {
    switch name {
    case "tokens": cache.tokens(row: row).bytes
    case "tokens_block_00": cache.tokens(row: row, block: 0).bytes
    case "cls_attention": cache.classAttention(row: row)!
    case "center_attention": cache.centerAttention(row: row)
    case "attention_stats": UnsafeRawBufferPointer(cache.attentionStatistics(row: row))
    default: UnsafeRawBufferPointer(cache.magnitudes(row: row))
    }
  }

  @Test(arguments: [true, false])
  func tokensIn8BitsComeBackWithTheirScales(hasClassToken: Bool) throws {
    let sample = SampleCache(tokens: .int8, blocks: [0, 1, 2], hasClassToken: hasClassToken)
    let folder = try sample.written()
    let cache = try TokenCache(folder.path)
    let names = cache.layout.payload.map(\.name)
    #expect(
      names.prefix(6) == [
        "tokens", "tokens_scale", "tokens_block_00", "tokens_block_00_scale", "tokens_block_01",
        "tokens_block_01_scale",
      ])
    let tokenCount = cache.tokenCount
    for (row, block) in (0..<10).flatMap({ row in (0..<3).map { (row, $0) } }) {
      let tokens = cache.tokens(row: row, block: block)
      let dataset = names.firstIndex(of: block == 2 ? "tokens" : "tokens_block_0\(block)")!
      let quantized = SharedBuffer<Int8>(count: tokenCount * 5)
      let scales = SharedBuffer<Float>(count: tokenCount)
      if row != 5 {
        _ = TokenQuantizer(channelScales: sample.configuration.precision.channelScales![block]).encode(
          sample.values(row: row, dataset: dataset), tokenCount: tokenCount, into: quantized.pointer,
          tokenScales: scales.pointer)
      }
      #expect(
        Array(tokens.bytes) == quantized.array.map { UInt8(bitPattern: $0) }, "row \(row), block \(block)")
      #expect(tokens.tokenScales.map { Array($0) } == scales.array, "row \(row), block \(block)")
      // Rounded to at most half a step of the scales.
      let widened = SharedBuffer<Float>(count: tokenCount * 5)
      tokens.decode(into: widened.pointer)
      for (index, value) in sample.values(row: row, dataset: dataset).enumerated() where row != 5 {
        let step = scales[index / 5] * sample.configuration.precision.channelScales![block][index % 5]
        #expect(abs(widened[index] - value) <= 0.5001 * step)
      }
    }
    #expect(Array(cache.tokens(row: 1).bytes) == Array(cache.tokens(row: 1, block: 2).bytes))
    #expect(try CacheVerifier.verify(folder.path).isGood)
    #expect(
      try HDF5.readSkeleton(of: folder.file("shard-00001.h5")).channelScales == [
        "tokens": [0.5, 1, 3, 0.01, 3], "tokens_block_00": [0.5, 1, 3, 0.01, 1],
        "tokens_block_01": [0.5, 1, 3, 0.01, 2],
      ])
  }

  /// More datasets than any other cache has.
  @Test func aCacheCanHoldEveryBlockOfTheDeepestModel() throws {
    var sample = SampleCache(rowCount: 2, tokens: .int8, blocks: Array(0..<256), undecodable: [])
    sample.configuration.model.depth = 256
    let folder = try sample.written()
    let cache = try TokenCache(folder.path)
    #expect(cache.layout.payload.count == 516)
    #expect(cache.tokens(row: 1, block: 255).tokenScales?.allSatisfy { $0 > 0 } == true)
    #expect(try CacheVerifier.verify(folder.path).isGood)
  }

  @Test(arguments: [ElementType.float16, .bfloat16, .float32])
  func onlyTokensIn8BitsSpeakOfScales(type: ElementType) throws {
    let folder = try SampleCache(tokens: type).written()
    for (name, content) in try contents(ofFolder: folder.path) {
      #expect(!String(decoding: content, as: UTF8.self).contains("channel_scale"), "\(name)")
    }
  }

  @Test func aCacheCanHoldStatisticsOnly() throws {
    let sample = SampleCache(blocks: [], hasClassToken: false)
    let folder = try sample.written()
    let cache = try TokenCache(folder.path)
    #expect(!cache.hasTokens)
    let card = String(decoding: try bytes(ofFile: folder.file("README.md")), as: UTF8.self)
    #expect(card.contains("cache without tokens") && !card.contains("shard[\"tokens\"]"))
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
    let quantized = RowBuffer(layout: SampleCache(tokens: .int8).layout)
    #expect(
      errorText { try quantized.setTokens(values, blockIndex: 1) }?.contains("nan at index 34") == true)
    values[34] = .greatestFiniteMagnitude
    let undividable = errorText { try quantized.setTokens(values[...].map { $0 * 0.999 }, blockIndex: 0) }
    #expect(undividable == nil, "\(undividable ?? "")")
    values[33] = 1e38
    #expect(
      errorText { try quantized.setTokens(values, blockIndex: 0) }?.contains("too large for int8") == true)
    let wide = RowBuffer(layout: SampleCache(tokens: .bfloat16).layout)
    values[34] = 70_000
    try wide.setTokens(values, blockIndex: 0)
  }
}
