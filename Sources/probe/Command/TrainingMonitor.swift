import Commands
import Reporting
import Training

/// Turns what a training tells into progress on stderr: batches as units, losses and accuracies as detail, on a terminal
/// with a table of the heads below.
final class TrainingMonitor {
  private let name: String
  private let epochs: Int
  private let isSweep: Bool
  private let table: LiveTable
  private let work: WorkAtHand
  /// What is to be seen of the last batch.
  private var batch = ""

  init(_ name: String, _ runs: [PlannedRun], epochs: Int, style: Progress.Style) {
    (self.name, self.epochs, isSweep) = (name, epochs, runs.count > 1)
    table = LiveTable(runs)
    work = WorkAtHand(style: style)
  }

  /// What is to be told to this monitor.
  var observer: TrainingRun.Observer {
    var observer = TrainingRun.Observer()
    observer.onFeatures = { [work] images, total in
      if images == 0 { work.begin("features", total: total) }
      work.advance(to: images)
    }
    observer.onStart = { [self] batches, done in
      work.begin(
        name, unit: "batches", total: batches, alreadyDone: done,
        details: { [table] in table.lines(in: $0) })
      if done > 0, done < batches { note("goes on after \(done) of \(batches) batches") }
      work.show()
    }
    observer.onBatch = { [self] done in
      table.add(done)
      let head = isSweep ? "\(done.track), " : ""
      batch = "\(head)epoch \(done.epoch + 1)/\(epochs), loss \(NumberText.loss(done.loss))"
      work.advance(detail: detail)
    }
    observer.onEpoch = { [self] news in
      table.add(news)
      work.advance(by: 0, detail: detail)
    }
    observer.onNote = { [self] in note($0) }
    observer.shouldStop = { Interruption.isRequested }
    return observer
  }

  private var detail: String { [batch, table.standing].filter { !$0.isEmpty }.joined(separator: ", ") }

  /// Tells what the user should know, also where no progress is shown.
  func note(_ text: String) { work.note("\(name): \(text)") }

  /// Ends with how all heads stand: the last batch is one head's, or that of a few.
  func close() { work.end(detail: isSweep ? table.standing : detail) }
}
