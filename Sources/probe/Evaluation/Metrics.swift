/// What is measured on a set of images with labels.
public struct Metrics: Codable, Equatable, Sendable {
  public let imageCount: Int
  /// The mean cross entropy, in nats.
  public let loss: Double
  /// The share of images whose label has the highest score, 0 ... 1.
  public let top1: Double
  /// The share of images whose label is among the five highest scores (of all, where there are fewer), 0 ... 1.
  public let top5: Double
  /// The mean over the classes that occur of each class's top-1 accuracy, 0 ... 1.
  public let meanClassAccuracy: Double

  enum CodingKeys: String, CodingKey {
    case loss, top1, top5
    case imageCount = "images"
    case meanClassAccuracy = "mean_class_accuracy"
  }
}

/// Gathers ``Metrics`` and the confusion matrix batch by batch.
public struct MetricsCollector: Sendable {
  public let classCount: Int
  private var lossSum = 0.0
  private var imageCount = 0
  private var top5Count = 0
  /// [C, C]: images of the row's class that were taken for the column's.
  public private(set) var confusion: [Int]

  public init(classCount: Int) {
    precondition(classCount > 0, "metrics need at least one class, not \(classCount)")
    self.classCount = classCount
    confusion = [Int](repeating: 0, count: classCount * classCount)
  }

  /// - Parameters:
  ///   - logits: [B, C]
  ///   - labels: [B], each in `0 ..< classCount`.
  ///   - losses: [B]
  public mutating func add(logits: UnsafeBufferPointer<Float>, labels: [Int32], losses: [Float]) {
    precondition(
      logits.count == labels.count * classCount && losses.count == labels.count,
      "\(logits.count) logits and \(losses.count) losses do not fit \(labels.count) labels of \(classCount) classes"
    )
    for (row, label) in labels.enumerated() {
      let scores = UnsafeBufferPointer(rebasing: logits[row * classCount..<(row + 1) * classCount])
      let rank = Ranking.rank(of: Int(label), in: scores)
      if rank < 5 { top5Count += 1 }
      confusion[Int(label) * classCount + Ranking.best(scores)] += 1
      lossSum += Double(losses[row])
    }
    imageCount += labels.count
  }

  /// The metrics of everything added so far; zeros where nothing was.
  public var metrics: Metrics {
    var correct = 0
    var accuracies: [Double] = []
    for label in 0..<classCount {
      let hits = confusion[label * classCount + label]
      let total = confusion[label * classCount..<(label + 1) * classCount].reduce(0, +)
      correct += hits
      if total > 0 { accuracies.append(Double(hits) / Double(total)) }
    }
    let count = Double(max(1, imageCount))
    return Metrics(
      imageCount: imageCount, loss: lossSum / count, top1: Double(correct) / count,
      top5: Double(top5Count) / count,
      meanClassAccuracy: accuracies.reduce(0, +) / Double(max(1, accuracies.count)))
  }
}
