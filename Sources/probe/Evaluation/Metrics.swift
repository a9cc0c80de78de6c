/// What is measured on a set of images with labels.
///
/// Where images have several labels, an image is right at rank r if any of its labels is among the r highest scores, and
/// ``MultiLabelCollector`` tells what the other numbers are.
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
  /// The expected calibration error of the most likely class, in 15 bins, 0 ... 1 (Guo et al. 2017); nil where images have
  /// several labels, and where an older run has not measured it.
  public let calibrationError: Double?
  /// The mean over the classes that occur of the average precision, 0 ... 1; nil where images have one label.
  public let meanAveragePrecision: Double?

  public init(
    imageCount: Int, loss: Double, top1: Double, top5: Double, meanClassAccuracy: Double,
    calibrationError: Double? = nil, meanAveragePrecision: Double? = nil
  ) {
    self.imageCount = imageCount
    self.loss = loss
    self.top1 = top1
    self.top5 = top5
    self.meanClassAccuracy = meanClassAccuracy
    self.calibrationError = calibrationError
    self.meanAveragePrecision = meanAveragePrecision
  }

  /// What heads are compared by: the mean average precision where images have several labels, else top-1.
  public var score: Double { meanAveragePrecision ?? top1 }

  /// Whether there can be such numbers; in a file they may be anything.
  package var isPossible: Bool {
    let shares = [top1, top5, meanClassAccuracy, calibrationError ?? 0, meanAveragePrecision ?? 0]
    return imageCount >= 0 && loss >= 0 && shares.allSatisfy((0...1).contains)
  }

  enum CodingKeys: String, CodingKey {
    case loss, top1, top5
    case imageCount = "images"
    case meanClassAccuracy = "mean_class_accuracy"
    case calibrationError = "calibration_error"
    case meanAveragePrecision = "mean_average_precision"
  }

  /// What no probabilities are needed for.
  public var accuracies: Accuracies {
    Accuracies(imageCount: imageCount, top1: top1, top5: top5, meanClassAccuracy: meanClassAccuracy)
  }
}

/// How well the images of one class are told.
public struct ClassScore: Codable, Equatable, Sendable {
  /// Of the class.
  public let imageCount: Int
  /// The share of them that were taken for it, 0 ... 1, or where images have several labels the class's average precision;
  /// nil where it has no images.
  public let score: Double?

  public init(imageCount: Int, score: Double?) { (self.imageCount, self.score) = (imageCount, score) }

  enum CodingKeys: String, CodingKey {
    case score
    case imageCount = "images"
  }
}

/// How often a classifier is right, for one whose scores are no logits. As in ``Metrics``.
public struct Accuracies: Codable, Equatable, Sendable {
  public let imageCount: Int
  public let top1: Double
  public let top5: Double
  public let meanClassAccuracy: Double

  enum CodingKeys: String, CodingKey {
    case top1, top5
    case imageCount = "images"
    case meanClassAccuracy = "mean_class_accuracy"
  }
}
