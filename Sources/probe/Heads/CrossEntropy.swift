import Compute

/// The mean negative log-likelihood of the labels under softmax (PyTorch's `CrossEntropyLoss`).
enum CrossEntropy {
  /// Turns logits into the gradient of the mean loss times `scale`, in place.
  ///
  /// - Parameters:
  ///   - logits: [B, C]
  ///   - labels: [B], each in `0 ..< C`.
  /// - Returns: the loss of each image, [B].
  static func gradient(
    _ logits: SharedBuffer<Float>, labels: [Int32], classCount: Int, scale: Float, _ parallel: Parallel
  ) throws -> [Float] {
    let losses = SharedBuffer<Float>(count: labels.count)
    try parallel.forEachChunk(of: labels.count, length: 16) { _, rows, _ in
      for row in rows {
        let values = logits.pointer + row * classCount
        let label = Int(labels[row])
        let labelLogit = values[label]
        losses.pointer[row] = softmax(values, count: classCount) - labelLogit
        values[label] -= 1
        let factor = scale / Float(labels.count)
        for index in 0..<classCount { values[index] *= factor }
      }
    }
    return losses.array
  }

  /// - Returns: the loss of each image, [B]; the logits stay as they are.
  package static func losses(_ logits: UnsafePointer<Float>, labels: [Int32], classCount: Int) -> [Float] {
    var copy = [Float](repeating: 0, count: classCount)
    return labels.indices.map { row in
      let values = logits + row * classCount
      return copy.withUnsafeMutableBufferPointer { buffer in
        let scratch = buffer.baseAddress!
        scratch.update(from: values, count: classCount)
        return softmax(scratch, count: classCount) - values[Int(labels[row])]
      }
    }
  }
}
