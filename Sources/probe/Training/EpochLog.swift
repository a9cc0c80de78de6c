import Files
import Reporting

/// What a run's folder tells of its epochs: `metrics.jsonl`, and an event file for TensorBoard. A run that goes on cuts
/// both back to the epochs that its checkpoint has.
struct EpochLog {
  private(set) var records: [EpochRecord]
  private let lines: JSONLines
  private let events: TensorBoardWriter?

  /// - Parameters:
  ///   - done: epochs that the checkpoint has.
  ///   - hasFailed: whether the head was given up, maybe before those.
  init(_ folder: RunFolder, done: Int, hasFailed: Bool, writesTensorBoard: Bool) throws {
    try folder.make()
    records = done > 0 ? Array(try JSONLines.read(folder.metricsFile).prefix(done)) : []
    guard records.count == done || hasFailed else {
      throw InputError(
        folder.metricsFile, "holds \(records.count) of the \(done) epochs that the checkpoint has done",
        remedy: "start again with --overwrite")
    }
    lines = try JSONLines(folder.metricsFile, keepingFirst: records.count)
    events =
      writesTensorBoard
      ? try TensorBoardWriter(folder: folder.path, keepingStepsBelow: records.count + 1) : nil
  }

  mutating func append(_ record: EpochRecord) throws {
    try lines.append(record)
    records.append(record)
    guard let events else { return }
    var curves = [
      ("train/loss", record.trainLoss), ("train/top1", record.trainTop1),
      ("train/learning_rate", record.learningRate), ("val/loss", record.validation.loss),
      ("val/top1", record.validation.top1), ("val/top5", record.validation.top5),
    ]
    if let heldOut = record.heldOut {
      curves += [("held_out/loss", heldOut.loss), ("held_out/top1", heldOut.top1)]
    }
    for (tag, value) in curves { events.add(tag: tag, value: value, step: record.epoch + 1) }
    try events.flush()
  }
}
