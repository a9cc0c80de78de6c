import Tensors

/// A learned position embedding, resized to another grid of patches.
enum PositionEmbedding {
  /// Resizes as `torch.nn.functional.interpolate` does, in single precision. Entries before those of the patches are
  /// kept.
  ///
  /// - Parameter embedding: `[1, prefix + old height * old width, D]`.
  /// - Returns: `[1, prefix + new height * new width, D]`.
  static func resized(
    _ embedding: Tensor, from old: (height: Int, width: Int), to new: (height: Int, width: Int),
    _ resizing: PositionResizing = .bicubic
  ) -> Tensor {
    let width = embedding.shape[2]
    let prefixCount = embedding.shape[1] - old.height * old.width
    precondition(prefixCount >= 0, "\(embedding.shape[1]) entries are no grid of \(old.height)x\(old.width)")
    let source = embedding.floats()
    let rows = resizing.taps(from: old.height, to: new.height)
    let columns = resizing.taps(from: old.width, to: new.width)
    var result = Array(source[..<(prefixCount * width)])
    result.reserveCapacity((prefixCount + new.height * new.width) * width)
    var sums = [Float](repeating: 0, count: width)
    for row in rows {
      for column in columns {
        for channel in 0..<width { sums[channel] = 0 }
        for (y, yWeight) in row {
          for (x, xWeight) in column {
            let start = (prefixCount + y * old.width + x) * width
            let weight = yWeight * xWeight
            for channel in 0..<width { sums[channel] += weight * source[start + channel] }
          }
        }
        result.append(contentsOf: sums)
      }
    }
    return Tensor(result, shape: [1, prefixCount + new.height * new.width, width])
  }
}
