import Commands
import Evaluation
import Reporting
import Training

/// Turns what a training tells into progress on stderr: batches as units, losses and accuracies as detail, on a terminal
/// with a table of the heads below.
final class TrainingMonitor {
  private let name: String
  private let epochs: Int
  private let style: Progress.Style
  private let table: LiveTable
  private var progress: Progress?
  /// Of features that are computed before training.
  private var features: PassProgress
  /// The batch and the accuracies that were seen last.
  private var batch = ""
  private var accuracy = ""
  /// Of all heads that were not given up, by their numbers, whichever of them learn together.
  private var latest: [Int: Metrics] = [:]

  init(_ name: String, _ runs: [PlannedRun], epochs: Int, style: Progress.Style) {
    (self.name, self.epochs, self.style) = (name, epochs, style)
    table = LiveTable(runs)
    features = PassProgress("features", style: style)
  }

  /// What is to be told to this monitor.
  var observer: TrainingRun.Observer {
    var observer = TrainingRun.Observer()
    observer.onFeatures = { [self] images, total in features.update(images, of: total) }
    observer.onStart = { [self] batches, done in
      progress = Progress(
        name, unit: "batches", total: batches, alreadyDone: done, style: style,
        details: { [table] in table.lines(in: $0) })
      if done > 0 { progress?.note("\(name): goes on after \(done) of \(batches) batches") }
    }
    observer.onBatch = { [self] done in
      table.add(done)
      let head = done.track == name ? "" : "\(done.track), "
      batch = "\(head)epoch \(done.epoch + 1)/\(epochs), loss \(NumberText.fixed(done.loss, 3))"
      progress?.advance(detail: batch + accuracy)
    }
    observer.onEpoch = { [self] news in
      table.add(news)
      for run in news { latest[run.number] = run.failure == nil ? run.records.last?.validation : nil }
      guard let best = latest.values.max(by: { $0.score < $1.score }) else { return }
      let score = best.meanAveragePrecision == nil ? "top-1" : "mAP"
      accuracy =
        ", \(latest.count > 1 ? "best " : "")val \(score) \(NumberText.percentage(best.score))"
      // Of a resumed run no batch has been seen yet.
      if !batch.isEmpty { progress?.advance(by: 0, detail: batch + accuracy) }
    }
    observer.onNote = note
    observer.shouldStop = { Interruption.isRequested }
    return observer
  }

  /// Tells what the user should know, also where no progress is shown.
  func note(_ text: String) { progress?.note("\(name): \(text)") }

  func close() { progress?.finish() }
}

/// Progress of a pass over images whose number shows when it is under way.
struct PassProgress {
  private let name: String
  private let style: Progress.Style
  private var progress: Progress?
  private var done = 0

  init(_ name: String, style: Progress.Style) { (self.name, self.style) = (name, style) }

  mutating func update(_ images: Int, of total: Int) {
    let progress = progress ?? Progress(name, unit: "images", total: total, style: style)
    self.progress = progress
    progress.advance(by: images - done)
    done = images
    if images == total { progress.finish() }
  }
}
