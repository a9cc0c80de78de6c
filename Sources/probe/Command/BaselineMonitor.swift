import Baselines
import Commands
import Reporting

/// Shows on stderr how far a baseline is, one piece of work after the other, and ends it at Ctrl-C.
final class BaselineMonitor {
  let work: WorkAtHand

  init(style: Progress.Style) {
    work = WorkAtHand(style: style)
    Interruption.listen()
  }

  /// - Throws: where the user has asked to stop.
  func advance(to count: Int) throws(InterruptedError) {
    work.advance(to: count)
    if Interruption.isRequested { throw stop() }
  }

  /// Ends what is under way.
  func stop() -> InterruptedError {
    work.end()
    return InterruptedError("stopped; no file was written: run the same command again")
  }

  /// What tells of a fit.
  var observer: FitObserver {
    var observer = FitObserver()
    observer.onImages = { [self] count in
      work.advance(by: count)
      if Interruption.isRequested { throw stop() }
    }
    var best = -1.0
    observer.onCandidate = { [work] candidate in
      guard candidate.heldOut.top1 > best else { return }
      best = candidate.heldOut.top1
      let top1 = NumberText.percentage(best)
      work.advance(by: 0, detail: "best penalty \(candidate.penalty), held-out top-1 \(top1)")
    }
    return observer
  }
}
