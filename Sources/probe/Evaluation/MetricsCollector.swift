import Compute

/// Gathers ``Metrics`` batch by batch, and the confusion matrix where it is asked for. But for that, all it keeps grows with
/// the classes, not with the images.
public struct MetricsCollector: Sendable {
  public let classCount: Int
  private var lossSum = 0.0
  private var imageCount = 0
  private var top5Count = 0
  /// How far confidences are right.
  public private(set) var calibration = CalibrationError()
  /// [C]: images of a class, and how many of them were taken for it.
  private var classImages: [Int]
  private var classHits: [Int]
  /// Nil where it was not asked for.
  public private(set) var confusion: ConfusionMatrix?

  public init(classCount: Int, withConfusion: Bool = false) {
    precondition(classCount > 0, "metrics need at least one class, not \(classCount)")
    self.classCount = classCount
    classImages = [Int](repeating: 0, count: classCount)
    classHits = classImages
    confusion = withConfusion ? ConfusionMatrix(classCount: classCount) : nil
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
      confusion?.add(label: Int(label), prediction: prediction.best)
    }
    imageCount += labels.count
  }

  /// [C]
  public var classScores: [ClassScore] {
    zip(classHits, classImages).map { hits, images in
      ClassScore(imageCount: images, score: images > 0 ? Double(hits) / Double(images) : nil)
    }
  }

  /// The metrics of everything added so far; zeros where nothing was.
  public var metrics: Metrics {
    let accuracies = classScores.compactMap(\.score)
    let count = Double(max(1, imageCount))
    return Metrics(
      imageCount: imageCount, loss: lossSum / count, top1: Double(classHits.reduce(0, +)) / count,
      top5: Double(top5Count) / count,
      meanClassAccuracy: accuracies.reduce(0, +) / Double(max(1, accuracies.count)),
      calibrationError: calibration.value)
  }
}
