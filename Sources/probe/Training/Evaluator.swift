import Compute
import Evaluation
import Files
import Heads

/// Measures a trained head.
public enum Evaluator {
  /// - Parameter onBatch: sees each batch's rows, labels and logits `[B, C]`.
  /// - Returns: the metrics over all images, in row order.
  public static func measure(
    _ head: Head, on tokens: LabelledTokens,
    onBatch: (_ rows: [Int], _ labels: [Int32], _ logits: [Float]) throws -> Void = { _, _, _ in }
  ) throws -> Metrics {
    var collector = MetricsCollector(classCount: head.classCount)
    for start in stride(from: 0, to: tokens.count, by: head.batchSize) {
      let range = start..<min(tokens.count, start + head.batchSize)
      let batch = Batch(tokens.source, rows: Array(tokens.rows[range]))
      let labels = Array(tokens.labels[range])
      let logits = try head.predict(batch)
      let losses = CrossEntropy.losses(logits, labels: labels, classCount: head.classCount)
      logits.withUnsafeBufferPointer { collector.add(logits: $0, labels: labels, losses: losses) }
      try onBatch(batch.rows, labels, logits)
    }
    return collector.metrics
  }
}
