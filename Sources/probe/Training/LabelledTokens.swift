import Compute
import Files
import Foundation
import Heads
import TokenStore

/// The views in a cache that a head can learn from or be measured on: of decodable images, with a label.
public struct LabelledTokens: Sendable {
  public let source: any TokenSource
  /// Rows of the source.
  public let rows: [Int]
  /// The label of each of `rows`.
  public let labels: [Int32]
  /// Rows that are left out, as their image could not be decoded or has no label.
  public let skippedRowCount: Int

  /// All views of the images, to learn from.
  ///
  /// - Throws: where the cache holds no tokens, or no row has a label.
  public init(_ cache: TokenCache) throws(InputError) {
    try self.init(cache, candidates: Array(0..<cache.rowCount))
  }

  /// One view of each image, the centre crop, to measure a head on.
  ///
  /// - Throws: as for learning, and where the cache holds random views only.
  public init(measuringOn cache: TokenCache) throws(InputError) {
    let augmentation = cache.configuration.augmentation
    guard augmentation.isFirstViewPlain else {
      throw InputError(
        cache.path,
        "holds random views only (augmentation \(augmentation.name)), which no head is measured on",
        remedy: "extract it without augmentation, or with --center-view")
    }
    try self.init(
      cache,
      candidates: augmentation.views == 1
        ? Array(0..<cache.rowCount) : (0..<cache.rowCount).filter { cache.identity(row: $0).viewIndex == 0 })
  }

  private init(_ cache: TokenCache, candidates: [Int]) throws(InputError) {
    try Self.requireTokens(cache)
    let classCount = cache.configuration.dataset.classNames.count
    var rows: [Int] = []
    var labels: [Int32] = []
    for row in candidates where cache.rowStates[row] == .good && cache.labels[row] >= 0 {
      guard cache.labels[row] < classCount else {
        throw InputError(
          cache.path, "row \(row) has the label \(cache.labels[row]), yet there are \(classCount) classes",
          remedy: "check the cache with: extract verify \(cache.path)")
      }
      rows.append(row)
      labels.append(cache.labels[row])
    }
    guard !rows.isEmpty else {
      throw InputError(
        cache.path, "none of its \(candidates.count) rows has a label",
        remedy: "extract from a folder with one folder a class")
    }
    source = CacheSource(cache)
    self.rows = rows
    self.labels = labels
    skippedRowCount = candidates.count - rows.count
  }

  /// - Throws: where the cache holds statistics only.
  static func requireTokens(_ cache: TokenCache) throws(InputError) {
    guard cache.hasTokens else {
      throw InputError(
        cache.path, "holds statistics only, no tokens",
        remedy: "extract a cache without --stats-only to train and measure heads")
    }
  }

  package init(_ source: any TokenSource, rows: [Int], labels: [Int32]) {
    precondition(rows.count == labels.count, "\(rows.count) rows have \(labels.count) labels")
    self.source = source
    self.rows = rows
    self.labels = labels
    skippedRowCount = 0
  }

  public var count: Int { rows.count }

  /// Features without trained parameters, computed once: a source of one token a row.
  ///
  /// - Parameter folder: holds the features, in a file without a name.
  package func pooled(
    _ features: HeadDescription.Features, _ parallel: Parallel, folder: String
  ) throws -> LabelledTokens {
    let matrices = try FixedFeatures.compute([features], source, rows: rows, parallel, folder: folder)
    // Nothing asks the pass to stop.
    return LabelledTokens(matrices![0], rows: Array(0..<count), labels: labels)
  }
}

extension TrainingImages {
  func pooled(
    _ features: HeadDescription.Features, _ parallel: Parallel, folder: String
  ) throws -> TrainingImages {
    TrainingImages(
      training: try training.pooled(features, parallel, folder: folder),
      validation: try validation.pooled(features, parallel, folder: folder),
      heldOut: try heldOut?.pooled(features, parallel, folder: folder))
  }
}

/// The tokens of a cache's last stored block, read in place.
private struct CacheSource: TokenSource {
  let cache: TokenCache

  init(_ cache: TokenCache) { self.cache = cache }

  var layout: TokenLayout { TokenLayout(cache) }
  func tokens(row: Int) -> StoredTokens { cache.tokens(row: row) }

  func classAttention(row: Int) -> UnsafeRawBufferPointer? {
    attentionIsOfTheTokensBlock ? cache.classAttention(row: row) : nil
  }
  func centerAttention(row: Int) -> UnsafeRawBufferPointer? {
    attentionIsOfTheTokensBlock ? cache.centerAttention(row: row) : nil
  }
  /// Attention is stored of the model's last block only.
  private var attentionIsOfTheTokensBlock: Bool {
    cache.configuration.blocks.last == cache.configuration.model.depth - 1
  }
}

extension TokenLayout {
  /// The layout of a cache's tokens.
  public init(_ cache: TokenCache) {
    let model = cache.configuration.model
    self.init(
      prefixTokenCount: model.prefixTokenCount, hasClassToken: model.hasClassToken,
      gridHeight: model.gridHeight,
      gridWidth: model.gridWidth, width: model.width)
  }
}
