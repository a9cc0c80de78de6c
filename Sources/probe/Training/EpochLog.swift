import Evaluation
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
  init(
    _ folder: RunFolder, _ configuration: TrainingConfiguration, done: Int, hasFailed: Bool,
    writesTensorBoard: Bool
  ) throws {
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
      ? try TensorBoardWriter(
        folder: folder.path, keepingStepsBelow: records.count + 1,
        hyperparameters: Self.hyperparameters(configuration)) : nil
  }

  mutating func append(_ record: EpochRecord) throws {
    try lines.append(record)
    records.append(record)
    guard let events else { return }
    var curves = [
      ("train/loss", record.trainLoss), ("train/top1", record.trainTop1),
      ("train/learning_rate", record.learningRate),
    ]
    curves += Self.curves("val", record.validation)
    if let heldOut = record.heldOut { curves += Self.curves("held_out", heldOut) }
    for (tag, value) in curves { events.add(tag: tag, value: value, step: record.epoch + 1) }
    try events.flush()
  }

  /// Under the names that `metrics.jsonl` has.
  private static func curves(_ name: String, _ metrics: Metrics) -> [(String, Double)] {
    let values = [
      ("loss", metrics.loss), ("top1", metrics.top1), ("top5", metrics.top5),
      ("mean_average_precision", metrics.meanAveragePrecision),
    ]
    return values.compactMap { key, value in value.map { ("\(name)/\(key)", $0) } }
  }

  /// What runs of a sweep are compared by.
  private static func hyperparameters(
    _ configuration: TrainingConfiguration
  ) -> [(name: String, value: TensorBoardWriter.Hyperparameter)] {
    [
      ("head", .text(configuration.head.name)),
      ("optimizer", .text(configuration.optimizer.algorithm.rawValue)),
      ("learning_rate", .number(configuration.schedule.peak)),
      // The number that was given, not what is next to it in single precision.
      ("weight_decay", .number(Double("\(configuration.optimizer.weightDecay)")!)),
      ("batch_size", .number(Double(configuration.batchSize))),
      ("amp", .text(configuration.products.rawValue)), ("seed", .number(Double(configuration.seed))),
    ]
  }
}
