import Extraction
import Files
import Reporting

/// Turns what an extraction tells into progress on stderr, and keeps the time.
final class ExtractionMonitor: Sendable {
  private let progress: Progress
  private let start = ContinuousClock.now

  init(_ extraction: Extraction, style: Progress.Style) {
    let kept = extraction.finishedRowCount
    let doing = extraction.share.worldSize > 1 ? "Rank \(extraction.share.rank)" : "Extracting"
    progress = Progress(
      doing, unit: extraction.plan.configuration.augmentation.rowUnit,
      total: extraction.shareRowCount, alreadyDone: kept, style: style)
    for notice in extraction.notices { progress.note(notice) }
  }

  /// Of the run so far.
  var seconds: Double { (ContinuousClock.now - start) / .seconds(1) }

  @Sendable func receive(_ event: Extraction.Event) {
    switch event {
    case .kept(let count): progress.skip(count)
    case .written: progress.advance()
    case .notice(let notice): progress.note(notice)
    case .undecodable(let rows, let error):
      progress.note("left out: \(error)")
      progress.advance(by: rows.count)
    }
  }

  func close() { progress.finish() }
}
