import CachePages
import Files
import Foundation
import Reporting
import TestSupport
import Testing
import TokenStore

@Suite struct StatisticsPageTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A usual model, a deeper one with more heads, and one without [cls].
  private func three() throws -> [CacheStatistics] {
    try PageCache().write(to: folder.file("plain"))
    try PageCache(depth: 5, headCount: 4, blocks: [4]).write(to: folder.file("deep"))
    try PageCache(hasClassToken: false).write(to: folder.file("no-cls"))
    return try CacheStatistics.read(
      ["plain", "deep", "no-cls"].map { folder.file($0) }, names: ["plain", "<i>deep</i>", "no \"cls\""])
  }

  private func line(_ name: String, _ caches: [CacheStatistics]) throws -> LinePlot {
    try #require(StatisticsFigures.curves(caches).first { $0.fileName == name }?.figure as? LinePlot)
  }

  @Test func aCurveIsTheSummarysMeansAndSpreads() throws {
    let caches = try three()
    let plot = try line("pos_self_attention", caches)
    #expect(plot.series.map(\.name) == ["plain", "<i>deep</i>", "no \"cls\""])
    #expect(plot.series.map(\.points.count) == [3, 5, 3])
    for (series, cache) in zip(plot.series, caches) {
      for (point, block) in zip(series.points, cache.summary.blocks) {
        let statistic = try #require(block.statistics["pos_self_attention"])
        let (mean, rows, heads) = (
          try #require(statistic.mean), try #require(statistic.rowDeviation),
          try #require(statistic.headDeviation)
        )
        #expect(point.x == Double(block.block) && point.y == mean)
        #expect(point.band == mean - rows...mean + rows)
        #expect(point.whisker == max(0, mean - heads)...mean + heads)
        #expect(rows > 0 && heads > 0)
      }
    }
  }

  @Test func whatAModelHasNotIsAbsentAndNotZero() throws {
    let caches = try three()
    let plot = try line("cls_pos_entropy", caches)
    #expect(plot.series.map(\.points.count) == [3, 5, 0])
    let table = StatisticsTable.of(caches, digits: nil)
    let column = try #require(table.columns.firstIndex { $0.title == "cls_pos_entropy" })
    #expect(table.rows.map { $0[column].isEmpty } == Array(repeating: false, count: 8) + [true, true, true])
    #expect(StatisticsFigures.headMaps(caches).filter { $0.fileName.hasPrefix("cls_pos_entropy") }.count == 2)
    // Alone, it has no such column or figure at all.
    let alone = [caches[2]]
    #expect(!StatisticsTable.of(alone, digits: nil).columns.contains { $0.title.hasPrefix("cls") })
    #expect(
      StatisticsFigures.curves(alone).map(\.fileName) == [
        "pos_self_attention", "pos_self_attention_adj_for_cls", "pos_pos_entropy", "pos_magnitude",
      ])
  }

  @Test func entropiesHaveTheirBound() throws {
    let caches = try three()
    let plot = try line("pos_pos_entropy", caches)
    #expect(plot.references.map(\.value) == [log(8)])
    #expect(try line("pos_magnitude", caches).references.isEmpty)
    let limit = log(8.0)
    #expect(plot.series.flatMap(\.points).allSatisfy { ($0.band?.upperBound ?? 0) <= limit })
  }

  @Test func mapsOfAStatisticHaveTheHeadsMeansAndOneRange() throws {
    let caches = try three()
    let maps = StatisticsFigures.headMaps(caches).filter { $0.fileName.hasPrefix("pos_self_attention-") }
      .compactMap { $0.figure as? HeatMap }
    #expect(maps.map(\.subject) == ["plain", "<i>deep</i>", "no \"cls\""])
    #expect(maps.map(\.values.count) == [2, 4, 2] && maps.map { $0.values[0].count } == [3, 5, 3])
    for (map, cache) in zip(maps, caches) {
      for (block, statistics) in cache.summary.blocks.enumerated() {
        #expect(map.values.map { $0[block] } == statistics.statistics["pos_self_attention"]?.headMeans)
      }
    }
    #expect(Set(maps.map(\.scale.includes)).count == 1)
  }

  /// Names are of strangers; numbers are those of the CSV.
  @Test func thePageHasEveryNumberOfTheCSVAndNoMarkupOfNames() throws {
    let caches = try three()
    let html = StatisticsPage.of(caches, command: "extract stats <x>").html
    let csv = StatisticsTable.of(caches, digits: nil).csv
    #expect(
      html.contains(
        csv.replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")))
    #expect(!html.contains("<i>") && !html.contains("<x>"))
    #expect(html.contains("&lt;i&gt;deep&lt;/i&gt;"))
    #expect(html.contains(caches[0].manifest.manifestSHA256) && html.contains("tiny.pth"))
    let table = StatisticsTable.of(caches, digits: 4)
    for row in table.rows { #expect(html.contains("<td class=\"number\">\(row[3])</td>")) }
  }

  @Test func oneCachesTableIsAsEver() throws {
    let table = StatisticsTable.of([try three()[0]], digits: 4)
    #expect(table.columns.map(\.title).first == "block" && table.columns.count == 11)
    #expect(table.rows.map { $0[0] } == ["0", "1", "2"])
  }

  @Test func statisticsOfAnotherModelAreRefused() throws {
    try PageCache().write(to: folder.file("a"))
    try PageCache(depth: 4, blocks: [3]).write(to: folder.file("b"))
    let name = "/attention-stats.json"
    try FileManager.default.removeItem(atPath: folder.file("a") + name)
    try FileManager.default.copyItem(atPath: folder.file("b") + name, toPath: folder.file("a") + name)
    let error = #expect(throws: InputError.self) {
      try CacheStatistics.read([folder.file("a")], names: [])
    }
    #expect(error?.reason.contains("3 blocks of 2 heads") == true)
  }
}
