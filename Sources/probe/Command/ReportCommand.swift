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
  var title = Usual.title

  @Option(
    help: ArgumentHelp(
      "What the encoder of a run or sweep is called, once for each, in their order; by default the name of its model.",
      valueName: "name"))
  var name: [String] = []

  @Option(help: ArgumentHelp("So many of the best heads look again.", valueName: "count"))
  var details = Usual.details

  @Option(
    help: ArgumentHelp(
      "Cache to look at in the place of the one that runs name; of several encoders, each head takes its own.",
      valueName: "cache"))
  var data: [String] = []

  @Option(help: ArgumentHelp("Classes in the features' plots, or all.", valueName: "count"))
  var embeddingClasses = Usual.embeddingClasses

  @Option(help: ArgumentHelp("Images of each class there, or all.", valueName: "count"))
  var embeddingImages = Usual.embeddingImages

  @OptionGroup(title: "Output") var outputOptions: OutputOptions

  /// What the page's command need not say.
  private enum Usual {
    static let title = "Probe heads compared"
    static let details = 6
    static let embeddingClasses = CountArgument(EmbeddingSelection().classCount)
    static let embeddingImages = CountArgument(EmbeddingSelection().imagesPerClass)
  }

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
    try checkOutputs()
    // What takes long comes first, so that nothing is written where it is stopped.
    var page: ReportPage?
    if figures != nil || output.contains(where: { format(of: $0) == .html }) {
      page = try ReportPage(contents(reported, leaderboard))
    }
    for file in output { try write(format(of: file)!, leaderboard, page, to: file) }
    if let figures, let page { try NamedFigure.write(page.figures, to: figures) }
    try StandardOutput.write(
      outputOptions.json
        ? CanonicalJSON.page(LeaderboardRecord(leaderboard)) : leaderboard.text)
  }

  /// Before the work rather than after it.
  private func checkOutputs() throws(InputError) {
    for file in output {
      let folder = Folder.parent(file)
      guard Folder.isFolder(folder) else {
        throw InputError(file, "cannot be written: there is no folder \(folder)", remedy: "make it first")
      }
    }
    if let figures, Folder.contains(figures), !Folder.isFolder(figures) {
      throw InputError("--figures \(figures)", "is a file", remedy: "name a folder")
    }
  }

  private func write(
    _ format: Format, _ leaderboard: Leaderboard, _ page: ReportPage?, to file: String
  ) throws(InputError) {
    switch format {
    case .html: try page!.report.write(to: file)
    case .md: try AtomicFileWriter.write(leaderboard.markdown, to: file)
    case .csv: try AtomicFileWriter.write(leaderboard.csv, to: file)
    case .json: try AtomicFileWriter.write(CanonicalJSON.page(LeaderboardRecord(leaderboard)), to: file)
    }
  }

  private func contents(_ reported: [ReportedRun], _ leaderboard: Leaderboard) throws -> ReportPage.Contents {
    var contents = ReportPage.Contents(
      title: title, runs: reported, leaderboard: leaderboard, wanted: details, command: command,
      programVersion: Program.version)
    let examiner = try Examiner(
      caches: data, runs: reported,
      selection: EmbeddingSelection(
        classCount: embeddingClasses.count, imagesPerClass: embeddingImages.count),
      parallel: outputOptions.parallel)
    let entries = leaderboard.entries.prefix(details)
    let progress = Progress(
      "looking again", unit: "heads", total: entries.count, style: outputOptions.progressStyle)
    defer { progress.finish() }
    for note in reported.compactMap(\.missingRecords) { progress.note("no learning curve: \(note)") }
    for entry in entries {
      let name = leaderboard.name(entry)
      do {
        let examination = try examiner.examine(entry.chosen.runs[0], observer(progress, name))
        contents.examined.append(ExaminedHead(name, examination))
        progress.advance()
      } catch let error as InputError {
        contents.complaints.append("\(name): \(error)")
        progress.note("\(name) is not looked at again: \(error)")
      }
    }
    return contents
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
    var words = ["probe", "report"] + Folder.shortNames(runs) + name.flatMap { ["--name", $0] }
    words += data.isEmpty ? [] : Folder.shortNames(data).flatMap { ["--data", $0] }
    if title != Usual.title { words += ["--title", title] }
    if details != Usual.details { words += ["--details", String(details)] }
    if embeddingClasses != Usual.embeddingClasses {
      words += ["--embedding-classes", "\(embeddingClasses)"]
    }
    if embeddingImages != Usual.embeddingImages { words += ["--embedding-images", "\(embeddingImages)"] }
    return ShellCommand.line(words + ["--output", "report.html"])
  }
}
