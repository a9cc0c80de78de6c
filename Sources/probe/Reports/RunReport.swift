import Files
import Reading
import Reporting
import Training

/// The page that compares heads: a leaderboard, how they learned, what they cost, and where they are right.
public struct RunReport {
  let title: String
  let runs: [ReportedRun]
  let leaderboard: Leaderboard
  /// The best first.
  let examined: [ExaminedHead]
  /// Why some heads of the best were not looked at again, a sentence each.
  let complaints: [String]
  /// What makes the page.
  let command: String
  let programVersion: String

  public init(
    title: String, runs: [ReportedRun], leaderboard: Leaderboard, examined: [ExaminedHead],
    complaints: [String], command: String, programVersion: String
  ) {
    self.title = title
    self.runs = runs
    self.leaderboard = leaderboard
    self.examined = examined
    self.complaints = complaints
    self.command = command
    self.programVersion = programVersion
  }

  private var learning: LearningFigures { LearningFigures(leaderboard) }
  private var grids: GridFigures { GridFigures(leaderboard) }
  private var embeddings: EmbeddingFigures { EmbeddingFigures(examined) }
  private var calibration: CalibrationFigures { CalibrationFigures(examined) }

  /// Heads of the same classes share figures.
  private var classFigures: [ClassFigures] {
    var groups: [[ExaminedHead]] = []
    for head in examined {
      if let index = groups.firstIndex(where: {
        $0[0].examination.classNames == head.examination.classNames
      }) {
        groups[index].append(head)
      } else {
        groups.append([head])
      }
    }
    return groups.map { ClassFigures($0, isOfSets: $0[0].examination.metrics.meanAveragePrecision != nil) }
  }

  /// All figures of the page, in its order.
  public var figures: [NamedFigure] {
    [learning.scores] + learning.curves + learning.costs + grids.maps
      + classFigures.flatMap { [$0.scores] + $0.confusions } + calibration.figures + embeddings.figures
  }

  public var page: HTMLReport {
    get throws(InputError) {
      var report = HTMLReport(title: title)
      appendLeaderboard(&report)
      appendLearning(&report)
      appendClasses(&report)
      appendEmbeddings(&report)
      try appendProvenance(&report)
      return report
    }
  }

  private func appendLeaderboard(_ report: inout HTMLReport) {
    let encoders = leaderboard.encoders
    report.append(
      paragraph:
        "Heads that were trained on cached tokens of \(encoders.count > 1 ? "\(encoders.count) frozen encoders" : "the frozen encoder \(encoders[0])") "
        + "and measured on the validation images after the last epoch. The encoders were run once; all that was trained is here."
    )
    report.append(heading: "Leaderboard")
    report.append(
      leaderboard.table(withFolders: false), caption: "Heads, the best first, with the best of their settings"
    )
    if !leaderboard.notes.isEmpty { report.append(paragraph: leaderboard.notes.joined(separator: " ")) }
    report.append(learning.scores.figure, caption: learning.scores.caption)
    report.append(folded: leaderboard.csv, summary: "All digits, as CSV")
    report.append(folded: leaderboard.table(withFolders: false).markdown, summary: "The table in Markdown")
  }

  private func appendLearning(_ report: inout HTMLReport) {
    report.append(heading: "Learning curves")
    let spread = leaderboard.entries.contains { $0.score.count > 1 }
    report.append(
      paragraph: [
        "Of the setting that was chosen for each head.",
        spread ? "Of several seeds the mean is drawn, with one standard deviation to either side." : "",
        learning.omission ?? "",
      ].filter { !$0.isEmpty }.joined(separator: " "))
    report.append(learning.curves)
    report.append(heading: "What it costs")
    report.append(learning.costs)
    let maps = grids.maps
    guard !maps.isEmpty else { return }
    report.append(heading: "Settings that were tried")
    report.append(paragraph: grids.explanation)
    report.append(maps)
  }

  private func appendClasses(_ report: inout HTMLReport) {
    guard !examined.isEmpty || !complaints.isEmpty else { return }
    report.append(heading: "Class by class")
    for complaint in complaints { report.append(paragraph: "Not looked at again: \(complaint)") }
    guard let best = examined.first else { return }
    report.append(
      paragraph:
        "The \(examined.count > 1 ? "\(examined.count) best heads" : "best head") of the leaderboard, "
        + "with the first of their seeds, looked at "
        + "\(best.examination.imageCount) validation images again.")
    for figures in classFigures {
      report.append(figures.scores.figure, caption: figures.scores.caption)
      if let extremes = figures.extremes {
        report.append(extremes, caption: "Classes at the ends, \(figures.scoreName)")
      }
      if figures.areConfusionsLarge {
        for confusion in figures.confusions { report.append(confusion.figure, caption: confusion.caption) }
      } else {
        report.append(figures.confusions)
      }
      if let mistakes = figures.mistakes {
        report.append(mistakes, caption: "The most frequent mistakes of \(figures.heads[0].name)")
      }
      report.append(folded: figures.csv, summary: "All classes and digits, as CSV")
    }
    if let table = calibration.table {
      report.append(heading: "Calibration")
      report.append(calibration.figures)
      report.append(
        table,
        caption:
          "Expected calibration error: how far confidence is from accuracy, the mean over bins, weighted by "
          + "images (Guo et al. 2017)")
    }
  }

  private func appendEmbeddings(_ report: inout HTMLReport) {
    guard let explanation = embeddings.explanation else { return }
    report.append(heading: "Features in two dimensions")
    report.append(paragraph: explanation)
    report.append(embeddings.figures)
  }

  private func appendProvenance(_ report: inout HTMLReport) throws(InputError) {
    report.append(heading: "How it was made")
    report.append(preformatted: command)
    report.append(provenance: [("program", "PatchBank \(programVersion)"), ("runs", String(runs.count))])
    for encoder in leaderboard.encoders { report.append(provenance: provenance(of: encoder)) }
    for entry in leaderboard.entries {
      let summary = entry.summary
      report.append(
        folded: try CanonicalJSON.page(summary),
        summary: "\(leaderboard.name(entry)): \(entry.chosen.runs[0].path)")
    }
  }

  /// What is the same for all heads of an encoder.
  private func provenance(of encoder: String) -> [(name: String, value: String)] {
    let entries = leaderboard.entries.filter { $0.encoder == encoder }
    let summary = entries[0].summary
    func several(_ value: (RunSummary) -> String) -> String {
      entries.map { value($0.summary) }.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        .joined(separator: "; ")
    }
    let settings = summary.encoderSettings
    return [
      ("encoder", encoder),
      (
        "checkpoint",
        [settings?.checkpoint.fileName, "SHA-256 \(summary.checkpointSHA256)"].compactMap { $0 }.joined(
          separator: ", ")
      ),
      (
        "tokens",
        settings.map {
          "block \($0.block), \($0.precision.compute.rawValue), images \($0.preprocessing.text)"
        } ?? "not recorded"
      ),
      ("training images", several { cache($0.train) }),
      ("validation images", several { cache($0.validation) }),
      ("epochs, batch size", several { "\($0.configuration.epochs), \($0.configuration.batchSize)" }),
      ("matrix products (--amp)", several { $0.configuration.products.rawValue }),
      ("trained by", several { "PatchBank \($0.programVersion)" }),
    ]
  }

  private func cache(_ cache: RunSummary.Cache) -> String {
    "\(cache.images) of \(Folder.lastPart(cache.path)) (manifest SHA-256 \(cache.manifestSHA256))"
  }
}

extension HTMLReport {
  fileprivate mutating func append(_ figures: [NamedFigure]) {
    append(figures.map { ($0.figure, $0.caption) })
  }
}
