import Compute
import Evaluation
import Files
import Heads
import Reading

/// Measures trained heads.
public enum Evaluator {
  /// - Returns: the metrics of each head over all images, in row order.
  public static func measure(_ group: HeadGroup, on tokens: LabelledTokens) throws -> [Metrics] {
    try collect(group, on: tokens).map(\.metrics)
  }

  /// - Parameters:
  ///   - withConfusion: whether the confusion matrices are counted, too.
  ///   - onBatch: sees which of the images a batch has, their labels and, of each head by its number, the predictions
  ///     and logits `[B, C]`.
  /// - Returns: what there is to know of each head over all images, in row order.
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
    let batchSize = group.heads.map(\.batchSize).min()!
    let reader = BatchReader(
      tokens, tokens.inRowOrder, batchSize: batchSize, parts: tokens.allTokens, group.parallel)
    while let next = try reader.next() {
      let images = next.views.startIndex..<next.views.endIndex
      let labels = Array(tokens.labels[images])
      try group.predict(next.batch) { head, logits in
        let predictions = try Prediction.of(
          logits: logits, labels: labels, classCount: group.heads[head].classCount, group.parallel)
        collectors[head].add(predictions, labels: labels)
        try onBatch(head, images, labels, predictions, logits)
      }
    }
    return collectors
  }
}
