import Foundation
import Tensors

/// A learned position embedding, resized to another grid of patches.
enum PositionEmbedding {
  /// Resizes bicubically as `torch.nn.functional.interpolate(mode="bicubic", align_corners=False)` does, without
  /// antialiasing, in single precision: Keys' kernel with A = -0.75 (Keys, 1981), the border repeated. Entries before
  /// those of the patches are kept.
  ///
  /// - Parameter embedding: `[1, prefix + old height * old width, D]`.
  /// - Returns: `[1, prefix + new height * new width, D]`.
  static func resized(
    _ embedding: Tensor, from old: (height: Int, width: Int), to new: (height: Int, width: Int)
  ) -> Tensor {
    let width = embedding.shape[2]
    let prefixCount = embedding.shape[1] - old.height * old.width
    precondition(prefixCount >= 0, "\(embedding.shape[1]) entries are no grid of \(old.height)x\(old.width)")
    let source = embedding.floats()
    let rows = taps(from: old.height, to: new.height)
    let columns = taps(from: old.width, to: new.width)
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

  /// For each new position on an axis, the four old positions that it is mixed from, and their weights.
  private static func taps(from old: Int, to new: Int) -> [[(position: Int, weight: Float)]] {
    let scale = Float(old) / Float(new)
    return (0..<new).map { index in
      let center = scale * (Float(index) + 0.5) - 0.5
      let first = center.rounded(.down)
      let t = center - first
      let weights = [outer(t + 1), inner(t), inner(1 - t), outer(2 - t)]
      return weights.enumerated().map { tap, weight in
        (min(max(Int(first) - 1 + tap, 0), old - 1), weight)
      }
    }
  }

  private static let a: Float = -0.75

  /// The kernel at a distance of at most 1.
  private static func inner(_ x: Float) -> Float { ((a + 2) * x - (a + 3)) * x * x + 1 }

  /// The kernel at a distance from 1 to 2.
  private static func outer(_ x: Float) -> Float { ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
}
