import Compute

/// The mean negative log-likelihood of the labels under softmax (PyTorch's `CrossEntropyLoss`).
package enum CrossEntropy {
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
