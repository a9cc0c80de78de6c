import Compute
import Files

/// A complete cache, mapped into memory: rows are read in place, from any thread. Pointers live as long as the cache.
public final class TokenCache: Sendable {
  public let path: String
  public let manifest: CacheManifest
  public let layout: RowLayout
  /// [N], -1 where an image has no label.
  public let labels: [Int32]
  /// [N]
  public let rowStates: [RowState]
  let shards: ShardSet
  /// By block.
  let blockDatasets: [Int: TokenDataset]
  let classAttentionDataset: Int?
  let centerAttentionDataset: Int
  private let attentionStatisticsDataset: Int
  private let magnitudesDataset: Int

  /// Opens a cache, trusting nothing in it: whatever is not exactly as the format has it is an error. The rows' own
  /// bytes are not read: ``CacheVerifier`` does that.
  public init(_ path: String) throws(InputError) {
    let manifest = try CacheManifest.read(path)
    guard manifest.state == .complete else { throw manifest.incompleteError(path) }
    let layout = try manifest.layout(of: manifest.shards[0], path)
    var checker = ShardChecker(path, manifest: manifest, layout: layout)
    for shard in manifest.shards { try checker.check(shard) }
    shards = try ShardSet(path, manifest: manifest, layout: layout)
    var states: [RowState] = []
    var labels: [Int32] = []
    for row in 0..<manifest.rowCount {
      guard let state = shards.state(row: row), state != .empty else {
        throw InputError(path, "row \(row) has never been written", remedy: "see `extract verify`")
      }
      states.append(state)
      labels.append(shards.label(row: row))
    }
    self.path = path
    self.manifest = manifest
    self.layout = layout
    self.labels = labels
    rowStates = states
    let blocks = manifest.configuration.blocks
    blockDatasets = Dictionary(
      uniqueKeysWithValues: blocks.map { ($0, TokenDataset(layout, RowLayout.tokens(block: $0, of: blocks))) }
    )
    classAttentionDataset = layout.index(of: RowLayout.classAttention)
    centerAttentionDataset = layout.index(of: RowLayout.centerAttention)!
    attentionStatisticsDataset = layout.index(of: RowLayout.attentionStatistics)!
    magnitudesDataset = layout.index(of: RowLayout.magnitudes)!
  }

  public var configuration: CacheConfiguration { manifest.configuration }
  /// N
  public var rowCount: Int { manifest.rowCount }
  /// T, prefix tokens and patches.
  public var tokenCount: Int { configuration.model.tokenCount }
  /// D
  public var width: Int { configuration.model.width }
  public var prefixTokenCount: Int { configuration.model.prefixTokenCount }
  public var tokenElementType: ElementType { configuration.precision.tokens }

  /// - Returns: the path of the row's image, relative to the data set's root.
  public func id(row: Int) -> String { shards.id(row: row) }
  /// [N], each as ``id(row:)``.
  public var ids: [String] { (0..<rowCount).map { id(row: $0) } }
  /// What image and view the row holds.
  public func identity(row: Int) -> RowIdentity { shards.identity(row: row) }

  /// Whether there are any tokens: a cache can hold statistics only.
  public var hasTokens: Bool { !configuration.blocks.isEmpty }

  /// - Returns: [T, D]: the last stored block's output, before the final norm.
  public func tokens(row: Int) -> StoredTokens {
    guard let block = configuration.blocks.last else {
      preconditionFailure("this cache holds statistics only, no tokens")
    }
    return tokens(row: row, block: block)
  }

  /// - Parameter block: one of the configuration's `blocks`.
  /// - Returns: [T, D]: the block's output, before the final norm.
  public func tokens(row: Int, block: Int) -> StoredTokens {
    guard let dataset = blockDatasets[block] else {
      preconditionFailure("block \(block) is not one of the stored \(configuration.blocks)")
    }
    let tokens = shards.bytes(dataset: dataset.tokens, row: row).baseAddress!
    guard let scales = dataset.scales else {
      return StoredTokens(tokenElementType, tokens, tokenCount: tokenCount, width: width)
    }
    return StoredTokens(
      quantized: tokens.assumingMemoryBound(to: Int8.self), tokenCount: tokenCount, width: width,
      tokenScales: shards.floats(dataset: scales, row: row).baseAddress!,
      channelScales: dataset.channelScales.pointer)
  }

  /// - Returns: [H, P] in float16; nil where the model has no [cls].
  public func classAttention(row: Int) -> UnsafeRawBufferPointer? {
    classAttentionDataset.map { shards.bytes(dataset: $0, row: row) }
  }

  /// - Returns: [4, P] in float16.
  public func centerAttention(row: Int) -> UnsafeRawBufferPointer {
    shards.bytes(dataset: centerAttentionDataset, row: row)
  }

  /// - Returns: [L, H, 8]
  public func attentionStatistics(row: Int) -> UnsafeBufferPointer<Float> {
    shards.floats(dataset: attentionStatisticsDataset, row: row)
  }

  /// - Returns: [L, 2]
  public func magnitudes(row: Int) -> UnsafeBufferPointer<Float> {
    shards.floats(dataset: magnitudesDataset, row: row)
  }
}

/// Where a block's tokens are in the layout.
struct TokenDataset: Sendable {
  let tokens: Int
  /// nil where tokens are not in 8 bits.
  let scales: Int?
  /// [D]; empty likewise.
  let channelScales: SharedBuffer<Float>

  init(_ layout: RowLayout, _ name: String) {
    tokens = layout.index(of: name)!
    scales = layout.index(of: RowLayout.scales(ofTokens: name))
    channelScales = SharedBuffer(layout.datasets[tokens].channelScales)
  }
}
