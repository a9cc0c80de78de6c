import Compute

/// Pooling without parameters: [cls], the mean over the patches, or both.
package struct FixedPooling: Pooling {
  package let outputWidth: Int
  package let parameters: [Parameter] = []
  private let features: HeadDescription.Features
  private let layout: TokenLayout
  /// [P], 1 / P each.
  private let meanWeights: SharedBuffer<Float>

  package init(_ features: HeadDescription.Features, layout: TokenLayout) {
    precondition(features != .abmilp, "AbMILP has parameters")
    self.features = features
    self.layout = layout
    outputWidth = features == .both ? 2 * layout.width : layout.width
    meanWeights = SharedBuffer(count: layout.patchCount)
    meanWeights.fill(1 / Float(max(1, layout.patchCount)))
  }

  /// Features that are tokens already: the only token of each row, as it is.
  package static func identity(width: Int) -> FixedPooling {
    FixedPooling(
      .cls,
      layout: TokenLayout(prefixTokenCount: 1, hasClassToken: true, gridHeight: 0, gridWidth: 0, width: width)
    )
  }

  package func forward(_ batch: Batch, into features: SharedBuffer<Float>, _ parallel: Parallel) throws {
    try parallel.forEachChunk(of: batch.count, length: 16) { _, range, _ in
      for index in range {
        pool(batch.source, row: batch.rows[index], into: features.pointer + index * outputWidth)
      }
    }
  }

  private func pool(_ source: any TokenSource, row: Int, into out: UnsafeMutablePointer<Float>) {
    let tokens = source.tokens(row: row)
    var out = out
    if features == .cls || features == .both {
      tokens[0..<1].decode(into: out)
      out += layout.width
    }
    if features == .pos || features == .both {
      out.update(repeating: 0, count: layout.width)
      tokens[layout.prefixTokenCount..<layout.tokenCount].addWeightedSum(
        weights: meanWeights.pointer, to: out)
    }
  }

  package func backward(_ batch: Batch, gradient: SharedBuffer<Float>, _ parallel: Parallel) {}
}
