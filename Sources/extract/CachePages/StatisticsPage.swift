import Reporting
import TokenStore

/// The page of `extract stats --format html`.
package enum StatisticsPage {
  package static func of(_ caches: [CacheStatistics], command: String) -> HTMLReport {
    var report = HTMLReport(title: title(caches))
    report.append(paragraph: introduction(caches))
    report.append(heading: "Block by block")
    report.append(paragraph: spreads(caches))
    report.append(StatisticsFigures.curves(caches).map { ($0.figure, $0.caption) })
    report.append(heading: "Head by head")
    report.append(
      paragraph: "Means over images of each head of each block. "
        + (caches.count > 1 ? "Maps of the same statistic share their colours. " : "")
        + "Magnitudes have no heads: they are measured behind the projection, which joins them.")
    report.append(StatisticsFigures.headMaps(caches).map { ($0.figure, $0.caption) })
    report.append(heading: "The numbers")
    report.append(
      StatisticsTable.of(caches, digits: 4), caption: "Means over images and heads, rounded to four digits")
    report.append(
      folded: StatisticsTable.of(caches, digits: nil).csv, summary: "All digits, as --format csv writes them")
    report.append(heading: "How it was made")
    report.append(preformatted: command)
    for cache in caches {
      report.append(provenance: (caches.count > 1 ? [("cache", cache.name)] : []) + provenance(cache))
    }
    return report
  }

  private static func title(_ caches: [CacheStatistics]) -> String {
    let models = caches.map(\.name).formatted()
    return "Attention statistics of \(models)"
  }

  private static func introduction(_ caches: [CacheStatistics]) -> String {
    let units = Set(caches.map(\.manifest.configuration.augmentation.rowUnit))
    let counts = Set(caches.map(\.summary.rowCount))
    let unit = units.count == 1 ? units.first! : "images or views"
    let images = counts.count == 1 ? "\(counts.first!) \(unit)" : "the \(unit) of each cache"
    return
      "Where the attention of \(caches.count > 1 ? "frozen Vision Transformers" : "a frozen Vision Transformer") goes "
      + "in each block, measured on \(images): how much of it [cls] and the patches give to themselves and to each other, how "
      + "widely it is spread, and how much it changes the tokens. The statistics are those of \u{201C}Beyond [cls]\u{201D} (arXiv 2412.03215)."
  }

  private static func spreads(_ caches: [CacheStatistics]) -> String {
    let missing = caches.filter { !$0.manifest.configuration.model.hasClassToken }.map(\.name)
    let absent =
      missing.isEmpty
      ? "" : " Without [cls], and so absent from figures about it: \(missing.joined(separator: ", "))."
    return
      "Lines are means over images and heads. The shaded band is one standard deviation over images to either side (of the mean "
      + "over heads), the bars with ends are one over heads (of the mean over images). The dashed line above the entropies is "
      + "their upper bound, the logarithm of the number of patches: attention that is spread evenly.\(absent)"
  }

  private static func provenance(_ cache: CacheStatistics) -> [(name: String, value: String)] {
    CacheDescription.lines(cache.manifest)
      + [
        ("rows measured", "\(cache.summary.rowCount)"),
        ("manifest SHA-256", cache.manifest.manifestSHA256),
      ]
  }
}
