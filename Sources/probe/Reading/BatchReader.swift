import Compute
import Files
import Heads
import TokenStore

/// Some images on their way into heads.
public struct LabelledBatch: Sendable {
  public let batch: Batch
  /// The places of the images' views in the rows of ``LabelledTokens``.
  public let views: ArraySlice<Int>
}

/// Hands out views batch by batch. A thread of its own asks the disk for those whose turn comes; rows are checked, where
/// that was asked for, before they are handed out.
///
/// Not for several callers at once. It stops asking when it is gone.
public final class BatchReader {
  private let tokens: LabelledTokens
  private let order: EpochOrder.Epoch
  private let batchSize: Int
  /// What is read of each image; empty for features in memory.
  private let parts: [ImageParts]
  private let parallel: Parallel
  private let readAhead: ReadAhead?
  /// Rows of one request.
  private let chunkLength: Int
  /// Of the next batch.
  private var start = 0
  /// Requests whose views have been handed out.
  private var advanced = 0
  /// Rows that were handed out last.
  private var used: [Int] = []

  /// What one request asks for, in bytes: large enough that asking costs nothing, small enough to be one of many.
  private static let chunkByteCount = 4 << 20

  /// - Parameters:
  ///   - parts: what the heads look at; nothing else is read ahead.
  ///   - attention: of another encoder that heads look at, too, and that is read alongside.
  ///   - parallel: the threads that check rows.
  public init(
    _ tokens: LabelledTokens, _ order: EpochOrder.Epoch, batchSize: Int, parts: RowParts,
    attention: BorrowedAttention? = nil, _ parallel: Parallel
  ) {
    precondition(batchSize > 0, "a batch of \(batchSize) images has none")
    self.tokens = tokens
    self.order = order
    self.batchSize = batchSize
    let parts =
      (tokens.caches.map { [ImageParts(caches: $0, parts: parts)] } ?? [])
      + (attention.map { [ImageParts($0)] } ?? [])
    self.parts = parts
    self.parallel = parallel
    guard let caches = tokens.caches, caches.options.readAheadByteCount > 0 else {
      readAhead = nil
      chunkLength = 1
      return
    }
    // A disk reads whole pages.
    let rowByteCount = max(4096, parts.reduce(0) { $0 + $1.byteCount })
    let length = max(1, Self.chunkByteCount / rowByteCount)
    chunkLength = length
    let distance = order.lead + max(batchSize, caches.options.readAheadByteCount / rowByteCount)
    let (asked, rows) = (order.asked, tokens.rows)
    readAhead = ReadAhead(
      count: (asked.count + length - 1) / length, distance: (distance + length - 1) / length
    ) { chunk in
      let views = asked[chunk * length..<min(asked.count, (chunk + 1) * length)]
      for part in parts { part.prefetch(views.map { rows[$0] }) }
    }
  }

  deinit {
    readAhead?.stop()
    for part in parts { part.release(used) }
  }

  /// - Returns: nil behind the last view; the last batch may be smaller than the others.
  /// - Throws: where a row is damaged.
  public func next() throws(InputError) -> LabelledBatch? {
    for part in parts { part.release(used) }
    used = []
    guard start < order.views.count else { return nil }
    let views = order.views[start..<min(order.views.count, start + batchSize)]
    start = views.endIndex
    while advanced < start / chunkLength {
      readAhead?.advance()
      advanced += 1
    }
    let rows = views.map { tokens.rows[$0] }
    used = rows
    for part in parts { try part.check(rows, parallel) }
    return LabelledBatch(batch: Batch(tokens.source, rows: rows), views: views)
  }
}

/// Parts of images' rows in some caches.
private struct ImageParts: Sendable {
  private let caches: CacheSet
  private let parts: RowParts
  /// Where the images are in other caches than their own; nil for their own.
  private let matched: MatchedRows?

  init(caches: CacheSet, parts: RowParts) { (self.caches, self.parts, matched) = (caches, parts, nil) }

  init(_ attention: BorrowedAttention) {
    matched = attention.matched
    caches = attention.matched.other
    parts = RowParts(classAttention: true)
  }

  /// Of an image.
  var byteCount: Int { caches.byteCount(parts) }

  func prefetch(_ rows: [Int]) { caches.prefetch(parts, rows: places(rows)) }
  func release(_ rows: [Int]) { caches.release(parts, rows: places(rows)) }
  func check(_ rows: [Int], _ parallel: Parallel) throws(InputError) {
    try caches.check(places(rows), parallel)
  }

  private func places(_ rows: [Int]) -> [Int] { matched.map { rows.map($0.row) } ?? rows }
}

extension LabelledTokens {
  /// All views once, in the order of their rows.
  public var inRowOrder: EpochOrder.Epoch {
    let views = Array(0..<count)
    return EpochOrder.Epoch(views: views, asked: views, lead: 0)
  }
}
