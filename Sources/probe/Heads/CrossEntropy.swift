import Compute

/// The mean negative log-likelihood of the labels under softmax (PyTorch's `CrossEntropyLoss`).
package enum CrossEntropy {
  /// Turns logits into the gradient of the mean loss times `scale`, in place.
  ///
  /// - Parameters:
  ///   - logits: [B, C]
  ///   - labels: [B], each in `0 ..< C`.
  static func gradient(
    _ logits: SharedBuffer<Float>, labels: [Int32], classCount: Int, scale: Float, _ parallel: Parallel
  ) throws -> BatchOutcome {
    let losses = SharedBuffer<Float>(count: labels.count)
    let hits = SharedBuffer<UInt8>(count: labels.count)
    try parallel.forEachChunk(of: labels.count, length: 16) { _, rows, _ in
      for row in rows {
        let values = logits.pointer + row * classCount
        let label = Int(labels[row])
        let labelLogit = values[label]
        let scores = UnsafeBufferPointer(start: values, count: classCount)
        hits.pointer[row] = isBest(label, scores) ? 1 : 0
        losses.pointer[row] = softmax(values, count: classCount) - labelLogit
        values[label] -= 1
        let factor = scale / Float(labels.count)
        for index in 0..<classCount { values[index] *= factor }
      }
    }
    return BatchOutcome(
      lossSum: losses.buffer.reduce(0) { $0 + Double($1) },
      correctCount: hits.buffer.reduce(0) { $0 + Int($1) }
    )
  }

  private static func isBest(_ label: Int, _ scores: UnsafeBufferPointer<Float>) -> Bool {
    let own = scores[label]
    for index in 0..<label where !(scores[index] < own) { return false }
    for index in label + 1..<scores.count where !(scores[index] <= own) { return false }
    return !own.isNaN
  }

  /// - Parameter logits: [B, C]
  /// - Returns: the loss of each image, [B].
  package static func losses(_ logits: [Float], labels: [Int32], classCount: Int) -> [Float] {
    var probabilities = logits
    return probabilities.withUnsafeMutableBufferPointer { buffer in
      labels.indices.map { row in
        let values = buffer.baseAddress! + row * classCount
        let labelLogit = values[Int(labels[row])]
        return softmax(values, count: classCount) - labelLogit
      }
    }
  }
}
