import Foundation
import Reporting
import TokenStore

/// The figures of attention statistics: a curve over blocks for each, several models on the same axes, and maps of the heads.
package enum StatisticsFigures {
  /// A curve for each statistic that any of the models has.
  package static func curves(_ caches: [CacheStatistics]) -> [NamedFigure] {
    StatisticDescription.all.compactMap { statistic in
      let present = caches.filter { $0.summary.has(statistic.name) }
      guard !present.isEmpty else { return nil }
      // All caches are series, so that a model has the same look in every figure; one without the value has no points.
      let series = caches.map { LinePlot.Series($0.name, points: points(of: statistic, $0.summary)) }
      let axis = statistic.quantity.axis
      return NamedFigure(
        fileName: statistic.name,
        figure: LinePlot(
          statistic.title, x: Axis("block", isWhole: true),
          y: Axis(axis.label, unit: axis.unit, includes: [0]), series: series,
          references: statistic.quantity == .entropy ? bounds(present) : [], size: .half),
        caption: "\(statistic.name): \(statistic.meaning)")
    }
  }

  private static func points(
    of statistic: StatisticDescription, _ summary: AttentionStatisticsSummary
  ) -> [LinePlot.Point] {
    let limits = statistic.quantity.limits(maximumEntropy: summary.maximumEntropy)
    return summary.statistics(statistic.name).enumerated().compactMap { block, value in
      guard let value, let mean = value.mean else { return nil }
      func spread(_ deviation: Double?) -> ClosedRange<Double>? {
        guard let deviation, deviation >= 0, (mean + deviation).isFinite else { return nil }
        return (mean - deviation...mean + deviation).clamped(to: limits)
      }
      return LinePlot.Point(
        x: Double(block), y: mean, band: spread(value.rowDeviation), whisker: spread(value.headDeviation))
    }
  }

  /// log P of each number of patches.
  private static func bounds(_ caches: [CacheStatistics]) -> [(name: String, value: Double)] {
    let counts = Set(caches.map { $0.manifest.configuration.model.patchCount })
    return counts.sorted().map { count in
      let bound = log(Double(count))
      return ("even: log \(count) = \(NumberText.fixed(bound, 2))", bound)
    }
  }

  /// A map of heads by blocks for each statistic and model that has it; the models' maps of a statistic have the same colours.
  package static func headMaps(_ caches: [CacheStatistics]) -> [NamedFigure] {
    StatisticDescription.all.flatMap { statistic in
      let maps = caches.map { cache in cache.summary.statistics(statistic.name).map { $0?.headMeans } }
      let values = maps.joined().compactMap { $0 }.joined()
      guard let low = values.min(), let high = values.max() else { return [NamedFigure]() }
      let axis = statistic.quantity.axis
      return caches.indices.compactMap { index in
        guard maps[index].contains(where: { $0 != nil }) else { return nil }
        let heads = caches[index].manifest.configuration.model.headCount
        return NamedFigure(
          fileName: "\(statistic.name)-heads" + (caches.count > 1 ? "-\(caches[index].name)" : ""),
          figure: HeatMap(
            statistic.title, of: caches.count > 1 ? caches[index].name : nil,
            rows: HeatMap.Side("head", labels: (0..<heads).map(String.init)),
            columns: HeatMap.Side("block", labels: maps[index].indices.map(String.init)),
            scale: Axis(axis.label, unit: axis.unit, includes: [low, high]),
            values: (0..<heads).map { head in maps[index].map { $0?[head] } }),
          caption: statistic.name)
      }
    }
  }
}
