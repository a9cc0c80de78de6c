import Foundation
import TestSupport
import Testing
import TokenStore

@Suite struct StatisticsTests {
  /// Compared with sums over all rows at once. Chunks of rows are merged, so there are more rows than in one chunk;
  /// 1e-12 covers the other order of additions in double precision.
  @Test(arguments: [10, 2500])
  func averagesAreThoseOfTheGoodRows(rowCount: Int) throws {
    var sample = SampleCache(rowCount: rowCount, blocks: [])
    sample.shardSize = 1000
    let folder = try TemporaryFolder()
    try sample.write(to: folder.path, threadCount: 2)
    let summary = try AttentionStatisticsSummary.read(folder.path)
    #expect(summary.rowCount == rowCount - 1 && summary.blocks.map(\.block) == [0, 1, 2])
    #expect(abs(summary.maximumEntropy - 1.791759469228055) < 1e-15)
    let goodRows = (0..<rowCount).filter { $0 != 5 }
    let (attention, magnitudes) = (2, 3)
    let (attentionRows, magnitudeRows) = (
      goodRows.map { sample.values(row: $0, dataset: attention).map(Double.init) },
      goodRows.map { sample.values(row: $0, dataset: magnitudes).map(Double.init) }
    )
    for block in 0..<3 {
      for (index, name) in AttentionStatisticsSummary.attentionNames.enumerated() {
        let heads = (0..<2).map { head in attentionRows.map { $0[(block * 2 + head) * 8 + index] } }
        let statistic = summary.blocks[block].statistics[name]!
        expectClose(statistic.mean, mean(heads.map(mean)))
        expectClose(statistic.rowDeviation, deviation(zip(heads[0], heads[1]).map { ($0 + $1) / 2 }))
        expectClose(statistic.headDeviation, deviation(heads.map(mean)))
        for head in 0..<2 { expectClose(statistic.headMeans?[head], mean(heads[head])) }
      }
      for (index, name) in AttentionStatisticsSummary.magnitudeNames.enumerated() {
        let values = magnitudeRows.map { $0[block * 2 + index] }
        let statistic = summary.blocks[block].statistics[name]!
        expectClose(statistic.mean, mean(values))
        expectClose(statistic.rowDeviation, deviation(values))
        #expect(statistic.headDeviation == nil && statistic.headMeans == nil)
      }
    }
  }

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

  private func deviation(_ values: [Double]) -> Double {
    let center = mean(values)
    return mean(values.map { ($0 - center) * ($0 - center) }).squareRoot()
  }

  private func expectClose(_ actual: Double?, _ expected: Double) {
    #expect(actual != nil && abs(actual! - expected) < 1e-12, "\(actual ?? .nan) is not \(expected)")
  }

  /// Models without [cls] have no statistics of it, and a cache may hold no decodable image.
  @Test func whatDoesNotExistIsLeftOut() throws {
    let sample = SampleCache(hasClassToken: false)
    let folder = try TemporaryFolder()
    let writer = try sample.writer(folder.path)
    let buffer = RowBuffer(layout: writer.layout)
    for index in 0..<writer.shardCount {
      let shard = try #require(try writer.openShard(index))
      for row in shard.remainingRows {
        try sample.fill(buffer, row: row)
        var values = [Float](repeating: 0.5, count: 48)
        for place in stride(from: 0, to: 48, by: 8) { values[place] = .nan }
        try buffer.setAttentionStatistics(values)
        try shard.write(row: row, buffer)
      }
      try shard.finish()
    }
    _ = try writer.finish()
    let statistics = try AttentionStatisticsSummary.read(folder.path).blocks[1].statistics
    let absent = try #require(statistics["cls_cls_attention"])
    #expect(
      absent.mean == nil && absent.rowDeviation == nil && absent.headDeviation == nil
        && absent.headMeans == nil)
    #expect(statistics["pos_self_attention"]?.mean == 0.5)
    #expect(try CacheVerifier.verify(folder.path).isGood)

    let undecodable = SampleCache(rowCount: 6, undecodable: Set(0..<6))
    let empty = try undecodable.written()
    #expect(try AttentionStatisticsSummary.read(empty.path).rowCount == 0)
    #expect(try CacheVerifier.verify(empty.path).isGood)
  }

  @Test(arguments: ["", "{}", "[1]", #"{"schema": "x"}"#])
  func whatIsNoSummaryIsRefused(text: String) throws {
    let folder = try SampleCache.standard()
    try folder.write(text.utf8, to: "attention-stats.json")
    #expect(
      errorText { _ = try AttentionStatisticsSummary.read(folder.path) }?.contains("attention-stats.json")
        == true)
  }

  @Test func theCardTellsWhatIsInTheCache() throws {
    var sample = SampleCache()
    sample.configuration.checkpoint.fileName = "a|b\nc.pth"
    let folder = try sample.written()
    let card = String(decoding: try bytes(ofFile: folder.file("README.md")), as: UTF8.self)
    #expect(card.hasPrefix("# Tokens of vit_sample_patch4\n"))
    #expect(card.contains("for 10 images or views, as 7 tokens of 5 values each"))
    #expect(card.contains("1 of them hold zeros"))
    #expect(card.contains(#"| checkpoint | a\|b c.pth, SHA-256"#))
  }
}
