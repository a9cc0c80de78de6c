import Compute
import Evaluation
import Files
import Heads
import Reading

/// Measures trained heads.
public enum Evaluator {
  /// - Parameter scratchFolder: on a disk with room for the scores of images with several labels.
  /// - Returns: the metrics of each head over all images, in row order.
  public static func measure(
    _ group: HeadGroup, on tokens: LabelledTokens, scratchFolder: String
  ) throws -> [Metrics] {
    switch tokens.targets {
    case .single: return try collect(group, on: tokens).map(\.metrics)
    case .several(let labels):
      return try collect(group, on: tokens, labels, scratchFolder: scratchFolder)
        .map { try $0.measure(group.parallel).metrics }
    }
  }

  /// - Parameter onLogits: sees which of the images a batch has and, of each head by its number, the logits `[B, C]`.
  /// - Returns: what there is to know of each head over all images.
  static func collect(
    _ group: HeadGroup, on tokens: LabelledTokens, _ labels: LabelSets, scratchFolder: String,
    onLogits: (_ head: Int, _ images: Range<Int>, _ logits: UnsafeBufferPointer<Float>) throws -> Void = {
      _, _, _ in
    }
  ) throws -> [MultiLabelCollector] {
    let collectors = try group.heads.map {
      try MultiLabelCollector(
        classCount: $0.classCount, imageCount: tokens.count, folder: scratchFolder)
    }
    try forEachBatch(group, tokens) { head, images, logits in
      try collectors[head].add(logits: logits, labels: labels, group.parallel)
      try onLogits(head, images, logits)
    }
    return collectors
  }

  private static func forEachBatch(
    _ group: HeadGroup, _ tokens: LabelledTokens,
    _ body: (_ head: Int, _ images: Range<Int>, _ logits: UnsafeBufferPointer<Float>) throws -> Void
  ) throws {
    let batchSize = group.heads.map(\.batchSize).min()!
    let reader = BatchReader(
      tokens, tokens.inRowOrder, batchSize: batchSize, parts: tokens.allTokens, group.parallel)
    while let next = try reader.next() {
      let images = next.views.startIndex..<next.views.endIndex
      try group.predict(next.batch) { head, logits in try body(head, images, logits) }
    }
  }

  /// - Parameters:
  ///   - withConfusion: whether the confusion matrices are counted, too.
  ///   - onBatch: sees which of the images a batch has, their labels and, of each head by its number, the predictions
  ///     and logits `[B, C]`.
  /// - Returns: what there is to know of each head over all images, in row order.
  /// - Throws: where images have several labels.
  public static func collect(
    _ group: HeadGroup, on tokens: LabelledTokens, withConfusion: Bool = false,
    onBatch: (
      _ head: Int, _ images: Range<Int>, _ labels: [Int32], _ predictions: [Prediction],
      _ logits: UnsafeBufferPointer<Float>
    ) throws -> Void = { _, _, _, _, _ in }
  ) throws -> [MetricsCollector] {
    var collectors = group.heads.map {
      MetricsCollector(classCount: $0.classCount, withConfusion: withConfusion)
    }
    let allLabels = try tokens.singleLabels()
    try forEachBatch(group, tokens) { head, images, logits in
      let labels = Array(allLabels[images])
      let predictions = try Prediction.of(
        logits: logits, labels: labels, classCount: group.heads[head].classCount, group.parallel)
      collectors[head].add(predictions, labels: labels)
      try onBatch(head, images, labels, predictions, logits)
    }
    return collectors
  }
}
