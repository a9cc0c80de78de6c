import ArgumentParser
import Files
import Reporting
import TokenStore

struct StatsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stats", abstract: "Shows a cache's attention statistics, block by block.",
    discussion: """
      Means over images or their views, and over heads. The entropies' upper bound is the logarithm of the number of \
      patches.
      """)

  @Argument(help: "Cache.")
  var cache: String

  @Option(help: "Form of the output.")
  var format: Format = .table

  @Option(name: .shortAndLong, help: ArgumentHelp("File to write instead of stdout.", valueName: "file"))
  var output: String?

  enum Format: String, CaseIterable, ExpressibleByArgument { case table, csv, json }

  func run() throws {
    let summary = try AttentionStatisticsSummary.read(cache)
    let text =
      switch format {
      case .table:
        StatisticsTable.of(summary, digits: 4).text
          + "Means over \(summary.rowCount) rows; entropy is at most \(NumberText.fixed(summary.maximumEntropy, 4)).\n"
      case .csv: StatisticsTable.of(summary, digits: nil).csv
      case .json: try CanonicalJSON.page(summary)
      }
    if let output { try AtomicFile.write(text, to: output) } else { print(text, terminator: "") }
  }
}

/// One row a block, one column a statistic; what a model does not have is left out.
enum StatisticsTable {
  /// - Parameter digits: after the point; nil for all that there are.
  static func of(_ summary: AttentionStatisticsSummary, digits: Int?) -> Table {
    let names = (AttentionStatisticsSummary.attentionNames + AttentionStatisticsSummary.magnitudeNames).filter
    { name in
      summary.blocks.contains { $0.statistics[name]?.mean != nil }
    }
    var table = Table([.number("block")] + names.map { .number($0) })
    for block in summary.blocks {
      table.append(
        [String(block.block)]
          + names.map { name in
            guard let mean = block.statistics[name]?.mean else { return "" }
            return digits.map { NumberText.fixed(mean, $0) } ?? "\(mean)"
          })
    }
    return table
  }
}
