import Compute
import Evaluation
import Files
import Heads

/// Measures trained heads.
public enum Evaluator {
  /// - Parameter onBatch: sees which of the images a batch has, their labels and, of each head by its number, the logits
  ///   `[B, C]`.
  /// - Returns: the metrics of each head over all images, in row order.
  public static func measure(
    _ group: HeadGroup, on tokens: LabelledTokens,
    onBatch: (_ head: Int, _ images: Range<Int>, _ labels: [Int32], _ logits: UnsafeBufferPointer<Float>)
      throws -> Void = { _, _, _, _ in }
  ) throws -> [Metrics] {
    var collectors = group.heads.map { MetricsCollector(classCount: $0.classCount) }
    let batchSize = group.heads.map(\.batchSize).min()!
    for start in stride(from: 0, to: tokens.count, by: batchSize) {
      let images = start..<min(tokens.count, start + batchSize)
      let labels = Array(tokens.labels[images])
      try group.predict(Batch(tokens.source, rows: Array(tokens.rows[images]))) { head, logits in
        let losses = CrossEntropy.losses(
          Array(logits), labels: labels, classCount: group.heads[head].classCount)
        collectors[head].add(logits: logits, labels: labels, losses: losses)
        try onBatch(head, images, labels, logits)
      }
    }
    return collectors.map(\.metrics)
  }
}
