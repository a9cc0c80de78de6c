import Compute
import Files
import Foundation
import Heads
import Synchronization
import TokenStore

/// One or several caches of the same encoder's tokens, read as one: the rows of the first, then those of the second,
/// and so on.
public final class CacheSet: TokenSource {
  public let caches: [TokenCache]
  /// The stored block whose tokens are read, from 0.
  public let block: Int
  /// What the tokens are.
  public let encoder: EncoderSettings
  public let layout: TokenLayout
  public let options: ReadingOptions
  /// The first row of each cache, and the number of all rows behind them.
  private let starts: [Int]
  /// Attention is stored of an encoder's last block alone.
  private let hasAttention: Bool
  private let state = Mutex(State())

  private struct State {
    /// Rows whose checksum was right.
    var intact = RowSet()
    /// Rows that were asked for, by what of them was.
    var asked: [RowParts: RowSet] = [:]
  }

  /// - Parameters:
  ///   - caches: at least one.
  ///   - block: nil for the last one that the first cache stores.
  /// - Throws: where a cache holds no tokens, or not the block's, or was made otherwise than the first; the error names
  ///   every setting that differs.
  public convenience init(
    _ caches: [TokenCache], block: Int? = nil, options: ReadingOptions = ReadingOptions()
  ) throws(InputError) {
    for cache in caches where !cache.hasTokens {
      throw InputError(
        cache.path, "holds statistics only, no tokens",
        remedy: "extract a cache without --stats-only to train and measure heads")
    }
    let block = block ?? caches[0].configuration.blocks[caches[0].configuration.blocks.count - 1]
    for cache in caches where !cache.configuration.blocks.contains(block) {
      throw InputError(
        cache.path, "does not store block \(block), but \(cache.configuration.storedBlocksText)",
        remedy: "choose a stored one with --return-block, or extract it with --blocks")
    }
    try self.init(checked: caches, block, options)
  }

  /// Caches that are read for their attention alone, which those without tokens hold, too.
  ///
  /// - Throws: where a cache was made otherwise than the first.
  public convenience init(
    attentionOf caches: [TokenCache], options: ReadingOptions = ReadingOptions()
  ) throws(InputError) {
    try self.init(checked: caches, caches[0].configuration.model.depth - 1, options)
  }

  /// The same of caches at paths.
  public convenience init(attentionPaths: [String], options: ReadingOptions) throws(InputError) {
    try self.init(
      attentionOf: attentionPaths.map { path throws(InputError) in try TokenCache(path) }, options: options)
  }

  private init(checked caches: [TokenCache], _ block: Int, _ options: ReadingOptions) throws(InputError) {
    precondition(!caches.isEmpty, "a set of caches has at least one")
    let first = caches[0]
    self.caches = caches
    self.options = options
    self.block = block
    encoder = EncoderSettings(first, block: block)
    layout = TokenLayout(first)
    hasAttention = block == first.configuration.model.depth - 1
    let compatibility = CacheCompatibility(encoder: encoder, layout: layout)
    for other in caches.dropFirst() {
      try compatibility.check(
        EncoderSettings(other, block: block), TokenLayout(other), of: other.path, with: first.path)
    }
    var starts = [0]
    for cache in caches { starts.append(starts[starts.count - 1] + cache.rowCount) }
    guard starts[starts.count - 1] <= UInt32.max else {
      throw InputError(first.path, "and the caches joined to it have more than \(UInt32.max) rows")
    }
    self.starts = starts
  }

  public convenience init(
    paths: [String], block: Int? = nil, options: ReadingOptions = ReadingOptions()
  ) throws(InputError) {
    var caches: [TokenCache] = []
    for path in paths { caches.append(try TokenCache(path)) }
    try self.init(caches, block: block, options: options)
  }

  /// N, of all caches.
  public var rowCount: Int { starts[starts.count - 1] }

  /// The paths, for people.
  public var name: String { caches.map(\.path).joined(separator: ", ") }

  /// What tells these caches from others: of one, the SHA-256 of its manifest, which holds the hash of every shard; of
  /// several, that of the list of theirs.
  public func identity() throws(InputError) -> String {
    var identities: [String] = []
    for cache in caches {
      identities.append(try SHA256.hexadecimal(ofFile: cache.path + "/" + CacheManifest.fileName))
    }
    guard identities.count > 1 else { return identities[0] }
    var hash = SHA256()
    Array(identities.joined(separator: "\n").utf8).withUnsafeBytes { hash.update($0) }
    return hash.hexadecimal()
  }

  /// The cache that holds a row, and the row's number there.
  public func place(row: Int) -> (cache: TokenCache, row: Int) {
    let index = cacheIndex(row: row)
    return (caches[index], row - starts[index])
  }

  func cacheIndex(row: Int) -> Int {
    precondition(row >= 0 && row < rowCount, "row \(row) is outside 0 ..< \(rowCount)")
    var index = 0
    while row >= starts[index + 1] { index += 1 }
    return index
  }

  /// The rows of one of the caches.
  func rows(ofCache index: Int) -> Range<Int> { starts[index]..<starts[index + 1] }

  /// A number of the row's shard, which no other shard of these caches has.
  package func shardNumber(row: Int) -> Int {
    let index = cacheIndex(row: row)
    return index << 32 | (row - starts[index]) / caches[index].manifest.shardSize
  }

  /// - Returns: the path of the row's image, relative to the data set's root.
  public func id(row: Int) -> String {
    let place = place(row: row)
    return place.cache.id(row: place.row)
  }

  func idBytes(row: Int) -> UnsafeRawBufferPointer {
    let place = place(row: row)
    return place.cache.idBytes(row: place.row)
  }

  /// Whether the row's image could be decoded.
  func isGood(row: Int) -> Bool {
    let place = place(row: row)
    return place.cache.rowStates[place.row] == .good
  }

  public func tokens(row: Int) -> StoredTokens {
    let place = place(row: row)
    return place.cache.tokens(row: place.row, block: block)
  }

  public func classAttention(row: Int) -> UnsafeRawBufferPointer? {
    guard hasAttention else { return nil }
    let place = place(row: row)
    return place.cache.classAttention(row: place.row)
  }

  public func centerAttention(row: Int) -> UnsafeRawBufferPointer? {
    guard hasAttention else { return nil }
    let place = place(row: row)
    return place.cache.centerAttention(row: place.row)
  }
}

// MARK: - Reading from the disk

extension CacheSet {
  /// The bytes of the parts of a row.
  package func byteCount(_ parts: RowParts) -> Int { caches[0].spans(parts, block: block).byteCount }

  /// Whether parts of all rows fit into half of the machine's memory. Then they stay there once they are read; otherwise
  /// they are let go after each use, so that memory is flat in the number of images.
  package func staysInMemory(_ parts: RowParts) -> Bool {
    UInt64(byteCount(parts)) * UInt64(rowCount) <= options.residentByteCount
  }

  /// Asks the operating system to read parts of rows that may not be in memory.
  func prefetch(_ parts: RowParts, rows: [Int]) {
    let stays = staysInMemory(parts)
    let wanted = state.withLock { state in
      rows.filter { row in
        let isNew = state.asked[parts, default: RowSet()].insert(row)
        return isNew || !stays
      }
    }
    for row in wanted {
      let (cache, ownRow) = place(row: row)
      let isToBeChecked = options.checksRows && !state.withLock { $0.intact.contains(row) }
      cache.prefetch(isToBeChecked ? cache.payloadSpans : cache.spans(parts, block: block), row: ownRow)
    }
  }

  /// Lets go of what has been used, if it would not stay in memory anyway.
  func release(_ parts: RowParts, rows: [Int]) {
    guard !staysInMemory(parts) else { return }
    for row in rows {
      let (cache, ownRow) = place(row: row)
      // Who checks a row looks at all of it.
      cache.forget(options.checksRows ? cache.payloadSpans : cache.spans(parts, block: block), row: ownRow)
    }
  }

  /// Checks rows that were not read before, if that was asked for.
  ///
  /// - Throws: for the first damaged one.
  package func check(_ rows: [Int], _ parallel: Parallel) throws(InputError) {
    guard options.checksRows else { return }
    let new = state.withLock { state in rows.filter { !state.intact.contains($0) } }
    _ = try parallel.map(new.count) { (index) throws(InputError) in
      let (cache, row) = self.place(row: new[index])
      guard cache.isIntact(row: row) else {
        throw InputError(
          cache.shardPath(row: row),
          "row \(row) of the cache, the image \(cache.id(row: row)), is not what its checksum was made from",
          remedy: "see extract verify \(cache.path); remove damaged shards and run extract tokens again")
      }
    }
    state.withLock { state in for row in new { _ = state.intact.insert(row) } }
  }
}

/// How rows are read; nothing here decides a result.
public struct ReadingOptions: Sendable {
  /// Whether each row's checksum is checked when it is first read.
  public var checksRows: Bool
  /// How far the disk is asked ahead; 0 to leave it to the operating system.
  public var readAheadByteCount: Int
  /// What may stay in memory of a set of caches.
  package var residentByteCount: UInt64

  public init(checksRows: Bool = false, readAheadByteCount: Int = 256 << 20) {
    self.checksRows = checksRows
    self.readAheadByteCount = readAheadByteCount
    residentByteCount = ProcessInfo.processInfo.physicalMemory / 2
  }
}

/// A set of rows: one bit each, up to the highest.
package struct RowSet: Sendable {
  private var words: [UInt64] = []

  package init() {}

  package func contains(_ row: Int) -> Bool {
    row / 64 < words.count && words[row / 64] & (1 << UInt64(row % 64)) != 0
  }

  /// - Returns: whether the row was not there before.
  package mutating func insert(_ row: Int) -> Bool {
    guard !contains(row) else { return false }
    if row / 64 >= words.count { words += Array(repeating: 0, count: row / 64 + 1 - words.count) }
    words[row / 64] |= 1 << UInt64(row % 64)
    return true
  }
}

extension CacheSet {
  /// - Throws: where an image is in two of the joined caches: it could be learned from and selected by at once.
  func refuseSharedImages() throws(InputError) {
    guard caches.count > 1 else { return }
    let index = RowIndex(self)
    for row in 0..<rowCount {
      let others = index.rows(id: idBytes(row: row))
      let own = place(row: row).cache
      for other in others where place(row: other).cache !== own {
        throw InputError(
          own.path,
          "and \(place(row: other).cache.path) both hold \(id(row: row)), so that it cannot be held out",
          remedy: "join caches of different images, or use --hold-out 0")
      }
    }
  }
}
