import Extraction
import Files
import Reporting
import Synchronization

/// Turns what an extraction tells into progress on stderr, and keeps the time.
final class ExtractionMonitor: Sendable {
  private let progress: Progress
  private let start = ContinuousClock.now
  private let counts = Mutex((written: 0, kept: 0))

  init(_ extraction: Extraction, style: Progress.Style) {
    let kept = extraction.finishedRowCount
    let doing = extraction.share.worldSize > 1 ? "Rank \(extraction.share.rank)" : "Extracting"
    progress = Progress(
      doing, unit: extraction.plan.configuration.augmentation.rowUnit,
      total: extraction.shareRowCount, alreadyDone: kept, style: style)
    counts.withLock { $0.kept = kept }
    for notice in extraction.notices { progress.note(notice) }
  }

  /// Rows that this run wrote, and its seconds so far.
  var writtenCount: Int { counts.withLock { $0.written } }
  var seconds: Double { (ContinuousClock.now - start) / .seconds(1) }

  @Sendable func receive(_ event: Extraction.Event) {
    switch event {
    case .kept(let count):
      counts.withLock { $0.kept += count }
      progress.skip(count)
    case .written:
      counts.withLock { $0.written += 1 }
      progress.advance()
    case .undecodable(let rows, let error):
      counts.withLock { $0.written += rows.count }
      progress.note("left out: \(error)")
      progress.advance(by: rows.count)
    }
  }

  func close() { progress.finish() }
}
