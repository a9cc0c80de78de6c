import Evaluation
import Heads
import Reading
import Reports
import Training

/// Runs whose numbers are chosen, so that what a report makes of them is known.
struct SampleRun {
  var path = "run"
  var head = HeadDescription(features: .cls)
  var encoder = "vit"
  var learningRate = 0.1
  var weightDecay: Float = 0
  var seed: UInt64 = 0
  var epochs = 2
  var top1 = 0.5
  var heldOut: Double?
  var parameterCount = 10
  var hasFailed = false
  var images = 10
  var classNames = ["cat", "dog"]
  var secondsPerEpoch = 2.0
  /// Where images have several labels.
  var precision: Double?
  var labelSmoothing: Float = 0
  var besideCaches: [String] = []

  var reported: ReportedRun {
    let configuration = TrainingConfiguration(
      head: head, optimizer: OptimizerDescription(.lars, momentum: 0.9, weightDecay: weightDecay),
      loss: LossDescription(labelSmoothing: labelSmoothing),
      schedule: LearningRateSchedule(peak: learningRate, minimum: 0, warmupEpochs: 1, epochs: Double(epochs)),
      epochs: epochs, batchSize: 16, accumulation: 1, seed: seed)
    let cache = RunSummary.Cache(
      path: "caches/val", manifestSHA256: "m\(images)", images: images, skippedRows: 0,
      besideCaches: besideCaches)
    guard !hasFailed else {
      let failure = RunFailure(
        programVersion: "", configuration: configuration, reason: "the loss became nan", encoderSettings: nil,
        train: cache, validation: cache)
      return ReportedRun(path: path, result: .failed(failure), records: [], encoder: encoder)
    }
    let records = (0..<epochs).map { epoch in
      EpochRecord(
        epoch: epoch, learningRate: 0, trainLoss: 2 - Double(epoch), trainTop1: 0.5,
        validation: metrics(top1 * Double(epoch + 1) / Double(epochs)), heldOut: heldOut.map(metrics),
        seconds: secondsPerEpoch, imagesPerSecond: 1)
    }
    let last = records[records.count - 1]
    let summary = RunSummary(
      programVersion: "", configuration: configuration,
      layout: HeadLayout(tokens: .vector(width: 1), classNames: classNames), encoder: encoder,
      checkpointSHA256: "sha", encoderSettings: nil, train: cache, validation: cache,
      parameterCount: parameterCount, cpuLevels: nil, final: last, best: last)
    return ReportedRun(path: path, result: .finished(summary), records: records, encoder: encoder)
  }

  private func metrics(_ top1: Double) -> Metrics {
    Metrics(
      imageCount: images, loss: 1, top1: top1, top5: 1, meanClassAccuracy: top1,
      calibrationError: precision == nil ? 0.25 : nil,
      meanAveragePrecision: precision)
  }
}

extension HeadDescription {
  static func abmilp(depth: Int) -> HeadDescription {
    HeadDescription(features: .abmilp, abmilp: AbMILPDescription(depth: depth))
  }
}
