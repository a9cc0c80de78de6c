import Baselines
import Commands
import Reporting

/// Shows on stderr how far a baseline is, one piece of work after the other, and ends it at Ctrl-C.
final class BaselineMonitor {
  let style: Progress.Style
  /// Of the work at hand.
  private var progress: Progress?
  private var done = 0

  init(style: Progress.Style) {
    self.style = style
    Interruption.listen()
  }

  /// - Parameter total: nil where nobody knows how many images, seen again and again, it takes.
  func begin(_ doing: String, total: Int?) {
    close()
    progress = Progress(doing, unit: "images", total: total, style: style)
    done = 0
  }

  /// - Throws: where the user has asked to stop.
  func advance(by count: Int) throws(InterruptedError) {
    done += count
    progress?.advance(by: count)
    if Interruption.isRequested { throw stop() }
  }

  func advance(to count: Int) throws(InterruptedError) { try advance(by: count - done) }

  /// Ends what is under way.
  func stop() -> InterruptedError {
    close()
    return InterruptedError("stopped; no file was written: run the same command again")
  }

  /// What tells of a fit.
  var observer: FitObserver {
    var observer = FitObserver()
    observer.onImages = { try self.advance(by: $0) }
    var best = -1.0
    observer.onCandidate = { candidate in
      guard candidate.heldOut.top1 > best else { return }
      best = candidate.heldOut.top1
      let top1 = NumberText.percentage(best)
      self.progress?.advance(by: 0, detail: "best penalty \(candidate.penalty), held-out top-1 \(top1)")
    }
    return observer
  }

  func close() {
    progress?.finish()
    progress = nil
  }
}
