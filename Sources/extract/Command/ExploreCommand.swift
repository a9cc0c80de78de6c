import ArgumentParser
import CachePages
import Commands
import Compute
import Files
import Images
import Reporting
import TokenStore

struct ExploreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explore", abstract: "Writes an HTML page of what a cache holds.",
    discussion: """
      Sizes, classes, the norms of tokens with their outliers, and samples with their attention. With --data-path, samples \
      are shown as the encoder saw them; images are found by the ids that the cache has of them.
      """)

  @Argument(help: "Cache.")
  var cache: String

  @Option(name: .shortAndLong, help: ArgumentHelp("HTML file to write.", valueName: "file"))
  var output: String

  @Option(
    help: ArgumentHelp("Data set that the cache was made of, to show its images.", valueName: "path"))
  var dataPath: String?

  @Option(help: "Kind of data set, where its contents do not tell.")
  var dataFormat: DatasetOptions.Format = .auto

  @Option(
    help: ArgumentHelp("Part of the data set; by default the one that the cache names.", valueName: "name"))
  var split: String?

  @Option(
    help: ArgumentHelp(
      "Folder that a list's paths start from; by default the list's own.", valueName: "folder"))
  var imageRoot: String?

  @Option(help: ArgumentHelp("Images to show; 0 for none.", valueName: "images"))
  var samples = 24

  @Option(help: ArgumentHelp("Folder to write each figure to, as SVG and PNG.", valueName: "folder"))
  var figures: String?

  @Option(help: ArgumentHelp("Threads.", valueName: "threads"))
  var numWorkers: Int?

  @Flag(name: .shortAndLong, help: "Show no progress.")
  var quiet = false

  func validate() throws {
    guard (0...1000).contains(samples) else {
      throw ValidationError("--samples must be 0 to 1000, not \(samples).")
    }
    if let numWorkers, numWorkers < 1 {
      throw ValidationError("--num-workers must be at least 1, not \(numWorkers).")
    }
  }

  func run() throws { try Interruption.during(writing: "page", explore) }

  private func explore() throws {
    let parallel = numWorkers.map { Parallel(threadCount: $0) } ?? Parallel()
    let tokens = try TokenCache(cache)
    let work = WorkAtHand(style: quiet ? .quiet : .automatic)
    // An error, too, begins on a line of its own.
    defer { work.end() }
    let page = try ExplorationPage(
      tokens, name: Folder.shortNames([cache])[0], sampleCount: samples,
      images: try images(of: tokens, parallel), parallel: parallel
    ) { step, done, total in
      if Interruption.isRequested { throw CancellationError() }
      if done == 0 {
        let (doing, unit) = step == .norms ? ("measuring norms", "rows") : ("drawing samples", "images")
        work.begin(doing, unit: unit, total: total)
      }
      work.advance(to: done)
    }
    work.end()
    for remark in page.remarks { StandardError.write(remark.printable + "\n") }
    try page.report.write(to: output)
    if let figures { try NamedFigure.write(page.figures, to: figures) }
  }

  private func images(of tokens: TokenCache, _ parallel: Parallel) throws -> InputImages? {
    guard let dataPath else { return nil }
    let dataset = try ImageDataset(
      path: dataPath, format: DatasetFormat(rawValue: dataFormat.rawValue),
      split: split ?? tokens.configuration.dataset.split, imageRoot: imageRoot, parallel: parallel)
    return try InputImages(dataset, of: tokens.configuration)
  }
}
