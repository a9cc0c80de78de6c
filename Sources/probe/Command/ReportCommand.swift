import ArgumentParser
import Commands
import Files
import Reporting
import Reports

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Compares finished runs: a leaderboard, and a page with curves, classes and features.",
    discussion: """
      A head's row tells the best of the settings that it was trained with, over its seeds. For a page, the best heads look \
      at their validation images again, so that the caches that the runs name must be there, or others by --data.
      """)

  @Argument(help: "Run folders; of a sweep's folder, its runs.")
  var runs: [String]

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "File to write, by its ending a page (.html), a table (.md, .csv) or data (.json); several are written at once.",
      valueName: "file"))
  var output: [String] = []

  @Option(help: ArgumentHelp("Folder to write each figure to, as SVG and PNG.", valueName: "folder"))
  var figures: String?

  @Option(help: "Title of the page.")
  var title = "Probe heads compared"

  @Option(
    help: ArgumentHelp(
      "What the encoder of a run or sweep is called, once for each, in their order; by default the name of its model.",
      valueName: "name"))
  var name: [String] = []

  @Option(help: ArgumentHelp("So many of the best heads look again.", valueName: "count"))
  var details = 6

  @Option(
    help: ArgumentHelp(
      "Cache to look at in the place of the one that runs name; of several encoders, each head takes its own.",
      valueName: "cache"))
  var data: [String] = []

  @Option(help: ArgumentHelp("Classes in the features' plots, or all.", valueName: "count"))
  var embeddingClasses = CountArgument(10)

  @Option(help: ArgumentHelp("Images of each class there, or all.", valueName: "count"))
  var embeddingImages = CountArgument(25)

  @OptionGroup(title: "Output") var outputOptions: OutputOptions

  private enum Format: String, CaseIterable { case html, md, csv, json }

  func validate() throws {
    if !name.isEmpty, name.count != runs.count {
      throw ValidationError(
        "--name must be given once for each of the \(runs.count) runs and sweeps, not \(name.count) times.")
    }
    if details < 0 { throw ValidationError("--details must be at least 0, not \(details).") }
    for file in output where format(of: file) == nil {
      throw ValidationError("--output \(file) must end in .html, .md, .csv or .json.")
    }
  }

  private func format(of file: String) -> Format? {
    file.split(separator: ".").last.flatMap { Format(rawValue: $0.lowercased()) }
  }

  func run() throws { try Interruption.during(report) }

  private func report() throws {
    let reported = try ReportedRun.read(runs, encoders: name)
    let leaderboard = try Leaderboard(reported)
    // What takes long comes first, so that nothing is written where it is stopped.
    var page: RunReport?
    if figures != nil || output.contains(where: { format(of: $0) == .html }) {
      page = try runReport(reported, leaderboard)
    }
    for file in output { try write(format(of: file)!, leaderboard, page, to: file) }
    if let figures, let page { try NamedFigure.write(page.figures, to: figures) }
    print(
      outputOptions.json
        ? try CanonicalJSON.page(LeaderboardRecord(leaderboard))
        : leaderboard.text, terminator: "")
  }

  private func write(
    _ format: Format, _ leaderboard: Leaderboard, _ page: RunReport?, to file: String
  ) throws(InputError) {
    switch format {
    case .html: try page!.page.write(to: file)
    case .md: try AtomicFile.write(leaderboard.markdown, to: file)
    case .csv: try AtomicFile.write(leaderboard.csv, to: file)
    case .json: try AtomicFile.write(CanonicalJSON.page(LeaderboardRecord(leaderboard)), to: file)
    }
  }

  private func runReport(_ reported: [ReportedRun], _ leaderboard: Leaderboard) throws -> RunReport {
    var examined: [ExaminedHead] = []
    var complaints: [String] = []
    let examiner = Examiner(
      caches: data,
      selection: EmbeddingSelection(
        classCount: embeddingClasses.count, imagesPerClass: embeddingImages.count),
      parallel: outputOptions.parallel)
    let entries = leaderboard.entries.prefix(details)
    let progress = Progress(
      "looking again", unit: "heads", total: entries.count, style: outputOptions.progressStyle)
    defer { progress.finish() }
    for entry in entries {
      let name = leaderboard.name(entry)
      do {
        let examination = try examiner.examine(entry.chosen.runs[0], observer(progress, name))
        examined.append(ExaminedHead(name, examination))
      } catch let error as InputError {
        complaints.append("\(name): \(error)")
        progress.note("\(name) is not looked at again: \(error)")
      }
      progress.advance()
    }
    return RunReport(
      title: title, runs: reported, leaderboard: leaderboard, examined: examined, complaints: complaints,
      command: command, programVersion: Program.version)
  }

  private func observer(_ progress: Progress, _ name: String) -> Examiner.Observer {
    var observer = Examiner.Observer()
    observer.onImages = { progress.advance(by: 0, detail: "\(name): \($0) of \($1) images") }
    observer.onEmbedding = { progress.advance(by: 0, detail: "\(name): \($0) of \($1) steps of t-SNE") }
    observer.shouldStop = { Interruption.isRequested }
    return observer
  }

  /// What makes the same page, wherever the runs lie.
  private var command: String {
    "probe report " + Folder.shortNames(runs).joined(separator: " ") + " --output report.html"
  }
}
