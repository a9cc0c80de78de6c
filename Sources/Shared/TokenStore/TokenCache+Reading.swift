import Files

/// What of a row somebody looks at.
public struct RowParts: Hashable, Sendable {
  /// Of the block that is read; nil for none.
  public var tokens: Range<Int>?
  public var classAttention: Bool
  public var centerAttention: Bool

  public init(tokens: Range<Int>? = nil, classAttention: Bool = false, centerAttention: Bool = false) {
    self.tokens = tokens
    self.classAttention = classAttention
    self.centerAttention = centerAttention
  }
}

/// Where the bytes of a row's parts lie in its datasets.
package struct RowSpans: Sendable {
  fileprivate var spans: [(dataset: Int, bytes: Range<Int>)] = []

  /// Of one row.
  package var byteCount: Int { spans.reduce(0) { $0 + $1.bytes.count } }
}

/// What reads rows ahead and checks them.
extension TokenCache {
  /// - Parameter block: one of the configuration's `blocks`.
  package func spans(_ parts: RowParts, block: Int) -> RowSpans {
    var result = RowSpans()
    func add(_ dataset: Int, _ elements: Range<Int>? = nil) {
      let size = layout.datasets[dataset].type.byteCount
      let all = 0..<layout.datasets[dataset].rowByteCount
      result.spans.append((dataset, elements.map { $0.lowerBound * size..<$0.upperBound * size } ?? all))
    }
    if let tokens = parts.tokens, let dataset = blockDatasets[block] {
      precondition(
        tokens.lowerBound >= 0 && tokens.upperBound <= tokenCount, "a row has no tokens \(tokens)")
      add(dataset.tokens, tokens.lowerBound * width..<tokens.upperBound * width)
      if let scales = dataset.scales { add(scales, tokens) }
    }
    if parts.classAttention, let dataset = classAttentionDataset { add(dataset) }
    if parts.centerAttention { add(centerAttentionDataset) }
    return result
  }

  /// All that a row's checksum is made from and that is large enough to wait for.
  package var payloadSpans: RowSpans {
    RowSpans(spans: layout.payload.indices.map { ($0, 0..<layout.payload[$0].rowByteCount) })
  }

  /// Asks the operating system to read parts of a row, and does not wait for them.
  package func prefetch(_ spans: RowSpans, row: Int) {
    for span in spans.spans { shards.prefetch(dataset: span.dataset, row: row, span.bytes) }
  }

  /// Lets go of the memory that parts of a row take up.
  package func forget(_ spans: RowSpans, row: Int) {
    for span in spans.spans { shards.forget(dataset: span.dataset, row: row, span.bytes) }
  }

  /// Whether the row's bytes are those that its checksum was made from.
  package func isIntact(row: Int) -> Bool { shards.isIntact(row: row) }

  /// ``id(row:)`` in UTF-8, where it lies.
  package func idBytes(row: Int) -> UnsafeRawBufferPointer { shards.idBytes(row: row) }

  /// The file that holds the row.
  package func shardPath(row: Int) -> String { shards.path(row: row) }
}
