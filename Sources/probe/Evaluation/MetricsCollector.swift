import Compute

/// Gathers ``Metrics`` batch by batch, and the confusion matrix where it is asked for. All it keeps grows with the
/// classes, not with the images.
public struct MetricsCollector: Sendable {
  public let classCount: Int
  private var lossSum = 0.0
  private var imageCount = 0
  private var top5Count = 0
  private var calibration = CalibrationError()
  /// [C]: images of a class, and how many of them were taken for it.
  private var classImages: [Int]
  private var classHits: [Int]
  /// [C, C]: images of the row's class that were taken for the column's; nil where it was not asked for.
  public private(set) var confusion: [Int]?

  public init(classCount: Int, withConfusion: Bool = false) {
    precondition(classCount > 0, "metrics need at least one class, not \(classCount)")
    self.classCount = classCount
    classImages = [Int](repeating: 0, count: classCount)
    classHits = classImages
    confusion = withConfusion ? [Int](repeating: 0, count: classCount * classCount) : nil
  }

  /// - Parameters:
  ///   - logits: [B, C]
  ///   - labels: [B], each in `0 ..< classCount`.
  public mutating func add(
    logits: UnsafeBufferPointer<Float>, labels: [Int32], _ parallel: Parallel
  ) throws {
    add(try Prediction.of(logits: logits, labels: labels, classCount: classCount, parallel), labels: labels)
  }

  /// Adds images whose predictions are wanted for something else, too.
  public mutating func add(_ predictions: [Prediction], labels: [Int32]) {
    precondition(
      predictions.count == labels.count, "\(predictions.count) predictions have \(labels.count) labels")
    for (prediction, label) in zip(predictions, labels) {
      let isRight = prediction.labelRank == 0
      lossSum += Double(prediction.loss)
      if prediction.labelRank < 5 { top5Count += 1 }
      calibration.add(confidence: prediction.confidence, isRight: isRight)
      classImages[Int(label)] += 1
      if isRight { classHits[Int(label)] += 1 }
      confusion?[Int(label) * classCount + prediction.best] += 1
    }
    imageCount += labels.count
  }

  /// The metrics of everything added so far; zeros where nothing was.
  public var metrics: Metrics {
    let accuracies = zip(classHits, classImages).filter { $0.1 > 0 }.map { Double($0.0) / Double($0.1) }
    let count = Double(max(1, imageCount))
    return Metrics(
      imageCount: imageCount, loss: lossSum / count, top1: Double(classHits.reduce(0, +)) / count,
      top5: Double(top5Count) / count,
      meanClassAccuracy: accuracies.reduce(0, +) / Double(max(1, accuracies.count)),
      calibrationError: calibration.value)
  }
}

/// Loss and top-1 accuracy of training images, whose losses are known already.
public struct TrainingAccuracy: Sendable {
  public private(set) var imageCount = 0
  private var lossSum = 0.0
  private var rightCount = 0

  public init() {}

  /// - Parameters:
  ///   - logits: [B, C]
  ///   - labels: [B], each in `0 ..< C`.
  ///   - losses: [B]
  public mutating func add(
    logits: UnsafeBufferPointer<Float>, labels: [Int32], losses: UnsafeBufferPointer<Float>,
    _ parallel: Parallel
  ) throws {
    precondition(
      losses.count == labels.count && (labels.isEmpty ? logits.isEmpty : logits.count % labels.count == 0),
      "\(logits.count) logits and \(losses.count) losses do not fit \(labels.count) labels")
    guard !labels.isEmpty else { return }
    let classCount = logits.count / labels.count
    let logits = SharedView(logits)
    let chunkLength = 32
    let right = SharedBuffer<Int>(count: (labels.count + chunkLength - 1) / chunkLength)
    try parallel.forEachChunk(of: labels.count, length: chunkLength) { chunk, rows, _ in
      for row in rows {
        let scores = UnsafeBufferPointer(
          rebasing: logits.buffer[row * classCount..<(row + 1) * classCount])
        if Ranking.rank(of: Int(labels[row]), in: scores) == 0 { right.pointer[chunk] += 1 }
      }
    }
    rightCount += right.buffer.reduce(0, +)
    for loss in losses { lossSum += Double(loss) }
    imageCount += labels.count
  }

  /// The mean cross entropy, in nats; 0 where nothing was added.
  public var loss: Double { lossSum / Double(max(1, imageCount)) }
  /// 0 ... 1
  public var top1: Double { Double(rightCount) / Double(max(1, imageCount)) }
}
