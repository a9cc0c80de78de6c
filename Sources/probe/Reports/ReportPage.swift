import Files
import Reporting
import Training

/// The page of `probe report`: a leaderboard, how heads learned, what they cost, and where they are right.
public struct ReportPage {
  public private(set) var report: HTMLReport
  /// All of the page, in its order.
  public private(set) var figures: [NamedFigure] = []

  /// What a page tells of.
  public struct Contents {
    public var title: String
    public var runs: [ReportedRun]
    public var leaderboard: Leaderboard
    /// How many of the best heads were to be looked at again.
    public var wanted: Int
    /// Those that were, the best first.
    public var examined: [ExaminedHead] = []
    /// Why others were not, a sentence each.
    public var complaints: [String] = []
    /// What makes the page.
    public var command: String
    public var programVersion: String

    public init(
      title: String, runs: [ReportedRun], leaderboard: Leaderboard, wanted: Int, command: String,
      programVersion: String
    ) {
      self.title = title
      self.runs = runs
      self.leaderboard = leaderboard
      self.wanted = wanted
      self.command = command
      self.programVersion = programVersion
    }
  }

  private let contents: Contents
  private var leaderboard: Leaderboard { contents.leaderboard }

  public init(_ contents: Contents) throws(InputError) {
    self.contents = contents
    report = HTMLReport(title: contents.title)
    appendLeaderboard()
    appendLearning()
    appendGrids()
    appendClasses()
    appendCalibration()
    appendEmbeddings()
    try appendProvenance()
  }

  /// Figures beside each other.
  private mutating func append(_ more: [NamedFigure]) {
    figures += more
    report.append(more.map { ($0.figure, $0.caption) })
  }

  /// A figure as wide as the page.
  private mutating func append(wide figure: NamedFigure) {
    figures.append(figure)
    report.append(figure.figure, caption: figure.caption)
  }

  // MARK: - Sections

  private mutating func appendLeaderboard() {
    let encoders = leaderboard.encoders
    let whose = encoders.count > 1 ? "\(encoders.count) frozen encoders" : "the frozen encoder \(encoders[0])"
    report.append(
      paragraph:
        "Heads that were trained on cached tokens of \(whose), and measured on the validation images after the "
        + "last epoch.")
    report.append(heading: "Leaderboard")
    let hasSettings = leaderboard.entries.contains { $0.settings.count > 1 }
    report.append(
      leaderboard.table(withFolders: false),
      caption: "Heads, the best first" + (hasSettings ? ", with the best of their settings" : ""))
    if !leaderboard.notes.isEmpty { report.append(paragraph: leaderboard.notes.joined(separator: " ")) }
    append(wide: LearningFigures(leaderboard).scores)
    report.append(folded: leaderboard.csv, summary: "All digits, as CSV")
    report.append(folded: leaderboard.table(withFolders: false).markdown, summary: "The table in Markdown")
  }

  private mutating func appendLearning() {
    let learning = LearningFigures(leaderboard)
    report.append(heading: "Learning curves")
    let explanations = [learning.explanation, learning.omission] + contents.runs.map(\.missingRecords)
    report.append(paragraph: explanations.compactMap { $0 }.joined(separator: " "))
    append(learning.curves)
    report.append(heading: "What it costs")
    append(learning.costs)
  }

  private mutating func appendGrids() {
    let grids = GridFigures(leaderboard)
    let maps = grids.maps
    guard !maps.isEmpty else { return }
    report.append(heading: "Settings that were tried")
    report.append(paragraph: grids.explanation)
    append(maps)
  }

  private mutating func appendClasses() {
    let (examined, complaints) = (contents.examined, contents.complaints)
    guard !examined.isEmpty || !complaints.isEmpty else { return }
    report.append(heading: "Class by class")
    if !examined.isEmpty { report.append(paragraph: whatWasLookedAt) }
    for complaint in complaints { report.append(paragraph: "Not looked at again: \(complaint)") }
    for figures in classFigures {
      append(wide: figures.scores)
      if let extremes = figures.extremes {
        report.append(extremes, caption: "Classes at the ends, \(figures.scoreName)")
      }
      let confusions = figures.confusions
      if figures.areConfusionsLarge {
        for confusion in confusions { append(wide: confusion) }
      } else {
        append(confusions)
      }
      if let mistakes = figures.mistakes {
        report.append(mistakes, caption: "The most frequent mistakes of \(figures.heads[0].name)")
      }
      report.append(folded: figures.csv, summary: "All classes and digits, as CSV")
    }
  }

  /// How many of the heads, with which images.
  private var whatWasLookedAt: String {
    let examined = contents.examined
    let wanted = min(contents.wanted, leaderboard.entries.count)
    let whose =
      examined.count < wanted
      ? "\(examined.count) of the \(wanted) best heads"
      : wanted == 1 ? "The best head" : "The \(wanted) best heads"
    let seeds = leaderboard.entries.contains { $0.score.count > 1 } ? ", each with its first seed," : ""
    let images = Set(
      examined.map { head in
        let examination = head.examination
        return "\(examination.imageCount) images of \(examination.cacheName)"
          + (examination.areItsImages ? "" : " (not those that the leaderboard is of)")
      })
    return "\(whose)\(seeds) looked again at \(images.sorted().joined(separator: "; "))."
  }

  /// Heads of the same classes share figures.
  private var classFigures: [ClassFigures] {
    var groups: [[ExaminedHead]] = []
    for head in contents.examined {
      if let index = groups.firstIndex(where: {
        $0[0].examination.classNames == head.examination.classNames
      }) {
        groups[index].append(head)
      } else {
        groups.append([head])
      }
    }
    return groups.map { ClassFigures($0, isOfSets: leaderboard.isOfSets) }
  }

  private mutating func appendCalibration() {
    let calibration = CalibrationFigures(contents.examined)
    guard let table = calibration.table else { return }
    report.append(heading: "Calibration")
    append(calibration.figures)
    report.append(
      table,
      caption:
        "Expected calibration error: how far confidence is from accuracy, the mean over bins, weighted by images "
        + "(Guo et al. 2017)")
  }

  private mutating func appendEmbeddings() {
    let embeddings = EmbeddingFigures(contents.examined)
    guard let explanation = embeddings.explanation else { return }
    report.append(heading: "Features in two dimensions")
    report.append(paragraph: explanation)
    append(embeddings.figures)
  }

  private mutating func appendProvenance() throws(InputError) {
    report.append(heading: "How it was made")
    report.append(preformatted: contents.command)
    report.append(
      provenance: [
        ("program", "PatchBank \(contents.programVersion)"), ("runs", String(contents.runs.count)),
      ])
    for encoder in leaderboard.encoders {
      report.append(provenance: Provenance(leaderboard.entries.filter { $0.encoder == encoder }).lines)
    }
    for entry in leaderboard.entries {
      report.append(
        folded: try CanonicalJSON.page(entry.summary),
        summary: "\(leaderboard.name(entry)): \(entry.chosen.runs[0].path)")
    }
  }
}
