import ArgumentParser
import CachePages
import Commands
import Files
import Reporting
import TokenStore

struct StatsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stats", abstract: "Shows caches' attention statistics, block by block.",
    discussion: """
      Means over images or their views, and over heads. The entropies' upper bound is the logarithm of the number of \
      patches. Several caches are shown on the same axes and in one table.
      """)

  @Argument(help: "Caches.")
  var caches: [String]

  @Option(help: "Form of the output.")
  var format: Format = .table

  @Option(name: .shortAndLong, help: ArgumentHelp("File to write instead of stdout.", valueName: "file"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "What a cache is called in tables and figures, once for each, in their order; by default the name of its folder.",
      valueName: "name"))
  var name: [String] = []

  @Option(help: ArgumentHelp("Folder to write each figure to, as SVG and PNG.", valueName: "folder"))
  var figures: String?

  enum Format: String, CaseIterable, ExpressibleByArgument { case table, csv, json, html }

  func validate() throws {
    if !name.isEmpty, name.count != caches.count {
      throw ValidationError(
        "--name must be given once for each of the \(caches.count) caches, not \(name.count) times.")
    }
  }

  func run() throws {
    let statistics = try CacheStatistics.read(caches, names: name)
    let text = try text(statistics)
    if let output { try AtomicFileWriter.write(text, to: output) } else { try StandardOutput.write(text) }
    if let figures {
      try NamedFigure.write(
        StatisticsFigures.curves(statistics) + StatisticsFigures.headMaps(statistics), to: figures)
    }
  }

  private func text(_ statistics: [CacheStatistics]) throws -> String {
    switch format {
    case .table: StatisticsTable.of(statistics, digits: 4).text + notes(statistics)
    case .csv: StatisticsTable.of(statistics, digits: nil).csv
    case .json:
      if statistics.count == 1 {
        try CanonicalJSON.page(statistics[0].summary)
      } else {
        try CanonicalJSON.page(statistics.map { NamedStatistics($0) })
      }
    case .html: StatisticsPage.of(statistics, command: command).html
    }
  }

  private func notes(_ statistics: [CacheStatistics]) -> String {
    statistics.map { cache in
      let bound = NumberText.fixed(cache.summary.maximumEntropy, 4)
      return (statistics.count > 1 ? "\(cache.name.printable): means" : "Means")
        + " over \(cache.summary.rowCount) rows; entropy is at most \(bound).\n"
    }.joined()
  }

  /// What makes the same page, wherever the caches lie.
  private var command: String {
    ShellCommand.line(
      ["extract", "stats"] + Folder.shortNames(caches) + name.flatMap { ["--name", $0] }
        + ["--format", "html", "--output", "statistics.html"])
  }
}
