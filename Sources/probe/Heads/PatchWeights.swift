import Compute
import Foundation

/// What each patch of an image weighs in a sum of patches.
struct PatchWeights: Sendable {
  /// The attention rows that the weights come from; nil where they come from none.
  let attention: FixedImage.Attention?
  /// Whether all patches of every image weigh the same.
  let isEven: Bool
  /// Writes the weights, [P]. `rows` is [rows, P], empty where `attention` is nil.
  let write:
    @Sendable (
      _ image: FixedImage, _ rows: UnsafeBufferPointer<Float>, _ weights: UnsafeMutableBufferPointer<Float>
    ) throws -> Void

  init(
    from attention: FixedImage.Attention? = nil, isEven: Bool = false,
    _ write:
      @escaping @Sendable (FixedImage, UnsafeBufferPointer<Float>, UnsafeMutableBufferPointer<Float>) throws
      -> Void
  ) {
    (self.attention, self.isEven, self.write) = (attention, isEven, write)
  }

  /// 1 / P each.
  static let mean = PatchWeights(isEven: true) { image, _, weights in
    weights.update(repeating: 1 / Float(image.layout.patchCount))
  }

  /// The mean of the central side x side patches.
  static func central(side: Int) -> PatchWeights {
    PatchWeights { image, _, weights in
      let layout = image.layout
      let rows = centralRange(side: side, count: layout.gridHeight)
      let columns = centralRange(side: side, count: layout.gridWidth)
      weights.update(repeating: 0)
      for row in rows {
        for column in columns {
          weights[row * layout.gridWidth + column] = 1 / Float(rows.count * columns.count)
        }
      }
    }
  }

  /// Of an axis of `count` patches those from `count / 2 - ceil(side / 2)` up to, not including,
  /// `count / 2 + floor(side / 2)`, as the seed has it; what a shorter axis lacks is left out, down to one patch. The
  /// rows of `center_attention` are from the same patches.
  private static func centralRange(side: Int, count: Int) -> Range<Int> {
    let start = max(0, count / 2 - (side + 1) / 2)
    return start..<max(start + 1, min(count, count / 2 + side / 2))
  }

  /// The attention from the central side x side patches over its sum plus 1e-6, and over P: the seed takes the mean over
  /// the weighted patches and not their sum.
  static func centralAttention(side: Int) -> PatchWeights {
    PatchWeights(from: .ofCenter) { _, rows, weights in
      let row = (side - 1) * weights.count..<side * weights.count
      _ = weights.update(fromContentsOf: rows[row])
      scale(weights, by: 1 / ((sum(weights) + 1e-6) * Double(weights.count)))
    }
  }

  /// The attention from [cls] in the head where it has the lowest entropy (of equal ones the first), over its sum.
  static let lowestEntropyClassAttention = PatchWeights(from: .ofClassToken) { _, rows, weights in
    let heads = (0..<rows.count / weights.count).map {
      UnsafeBufferPointer(rebasing: rows[$0 * weights.count..<($0 + 1) * weights.count])
    }
    let entropies = heads.map(entropy)
    let lowest = entropies.indices.min { entropies[$0] < entropies[$1] }!
    _ = weights.update(fromContentsOf: heads[lowest])
    normalize(weights)
  }

  /// The mean over heads of the attention from [cls], over its sum.
  static let meanClassAttention = PatchWeights(from: .ofClassToken) { _, rows, weights in
    headMean(rows, weights)
    normalize(weights)
  }

  /// The mean over heads of the attention from another encoder's [cls], over P: the seed takes the mean over the weighted
  /// patches, without a norm of the weights.
  static let otherClassAttention = PatchWeights(from: .ofOtherClassToken) { _, rows, weights in
    headMean(rows, weights)
    scale(weights, by: 1 / Double(weights.count))
  }

  /// The mean of the patches that TokenCut finds in the foreground; see ``NormalizedCut``.
  static let foreground = PatchWeights { image, _, weights in
    try NormalizedCut.foreground(of: image.patches) { isForeground in
      let count = isForeground.count { $0 }
      for patch in weights.indices { weights[patch] = isForeground[patch] ? 1 / Float(count) : 0 }
    }
  }

  /// -sum of p log(p + 1e-6), with p = row / (sum + 1e-6).
  private static func entropy(_ row: UnsafeBufferPointer<Float>) -> Double {
    let total = row.reduce(0.0) { $0 + Double($1) } + 1e-6
    return -row.reduce(0.0) { entropy, attention in
      let p = Double(attention) / total
      return entropy + p * log(p + 1e-6)
    }
  }

  private static func headMean(
    _ rows: UnsafeBufferPointer<Float>, _ weights: UnsafeMutableBufferPointer<Float>
  ) {
    let headCount = rows.count / weights.count
    weights.update(repeating: 0)
    for head in 0..<headCount {
      for patch in weights.indices { weights[patch] += rows[head * weights.count + patch] }
    }
    scale(weights, by: 1 / Double(headCount))
  }

  /// Divides the weights by their sum. Attention to the patches that rounded to nothing becomes even.
  private static func normalize(_ weights: UnsafeMutableBufferPointer<Float>) {
    let total = sum(weights)
    guard total > 0 else { return weights.update(repeating: 1 / Float(weights.count)) }
    scale(weights, by: 1 / total)
  }

  private static func sum(_ weights: UnsafeMutableBufferPointer<Float>) -> Double {
    weights.reduce(0.0) { $0 + Double($1) }
  }

  private static func scale(_ weights: UnsafeMutableBufferPointer<Float>, by factor: Double) {
    for patch in weights.indices { weights[patch] = Float(Double(weights[patch]) * factor) }
  }
}
