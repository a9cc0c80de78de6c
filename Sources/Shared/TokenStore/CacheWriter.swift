import Compute
import Files

/// Writes a cache, or goes on where an earlier run stopped.
///
/// ```
/// let writer = try CacheWriter(folder: path, configuration: configuration, rows: rows, shardSize: 1024)
/// for index in 0..<writer.shardCount {
///   guard let shard = try writer.openShard(index) else { continue }  // finished already
///   // on any thread, in any order:
///   for row in shard.remainingRows { try shard.write(row: row, buffer) }
///   try shard.finish()
/// }
/// let manifest = try writer.finish()
/// ```
public final class CacheWriter: Sendable {
  public let folder: String
  public let configuration: CacheConfiguration
  public let rows: [RowIdentity]
  public let layout: RowLayout
  public let shardCount: Int

  /// Makes the folder, or opens the one of an earlier run after checking that it was made for the same settings;
  /// checks that the disk has room for what is still missing.
  public init(
    folder: String, configuration: CacheConfiguration, rows: [RowIdentity], shardSize: Int,
    parallel: Parallel = Parallel()
  ) throws(InputError) {
    preconditionFailure("not there yet")
  }

  /// The rows in shards that were finished before.
  public var finishedRowCount: Int { preconditionFailure("not there yet") }

  /// What was found wrong with an earlier run's files and is being made again: one line each.
  public var notices: [String] { preconditionFailure("not there yet") }

  /// - Returns: nil where the shard is finished.
  /// - Throws: where another process is writing it, or the disk is full.
  public func openShard(_ index: Int) throws -> ShardWriter? { preconditionFailure("not there yet") }

  /// Writes attention-stats.json, README.md and the complete manifest, once all shards are finished.
  ///
  /// - Parameter card: the text of README.md; by default the one of ``DataCard``.
  public func finish(card: String? = nil) throws -> CacheManifest { preconditionFailure("not there yet") }
}

/// One shard in the making. Dropped before `finish`, it leaves a `.partial` file that the next run continues.
public final class ShardWriter: Sendable {
  public let index: Int
  /// The shard's rows, counted over the whole cache.
  public let rowRange: Range<Int>
  /// The rows that are still to be written, counted over the whole cache.
  public let remainingRows: [Int]

  init() { preconditionFailure("not there yet") }

  /// Writes a row; from any thread, each row from one.
  public func write(row: Int, _ buffer: RowBuffer) throws(InputError) { preconditionFailure("not there yet") }

  /// Writes a row whose image cannot be decoded: zeros, and the state that says so.
  public func writeUndecodable(row: Int) throws(InputError) { preconditionFailure("not there yet") }

  /// Makes the shard final: everything on the disk, hashed, renamed, in the manifest.
  public func finish() throws { preconditionFailure("not there yet") }
}
