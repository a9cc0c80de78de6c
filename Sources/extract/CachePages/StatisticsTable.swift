import Reporting
import TokenStore

/// One row a block, one column a statistic. What no model has is left out, what one of several does not have is empty.
package enum StatisticsTable {
  /// - Parameter digits: after the point; nil for all that there are.
  package static func of(_ caches: [CacheStatistics], digits: Int?) -> Table {
    let names = (AttentionStatisticsSummary.attentionNames + AttentionStatisticsSummary.magnitudeNames)
      .filter { name in caches.contains { $0.summary.has(name) } }
    let isNamed = caches.count > 1
    var table = Table((isNamed ? [.text("cache")] : []) + [.number("block")] + names.map { .number($0) })
    for cache in caches {
      for block in cache.summary.blocks {
        let values = names.map { name in
          guard let mean = block.statistics[name]?.mean else { return "" }
          return digits.map { NumberText.fixed(mean, $0) } ?? "\(mean)"
        }
        table.append((isNamed ? [cache.name] : []) + [String(block.block)] + values)
      }
    }
    return table
  }
}

/// The statistics of several caches as JSON has them.
package struct NamedStatistics: Encodable {
  let cache: String
  let statistics: AttentionStatisticsSummary

  package init(_ cache: CacheStatistics) {
    self.cache = cache.name
    statistics = cache.summary
  }
}
