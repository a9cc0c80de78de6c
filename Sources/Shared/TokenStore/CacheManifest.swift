import Files
import Foundation

/// The table of contents of a cache, `manifest.json`: what it was made for, and its finished shards.
public struct CacheManifest: Codable, Equatable, Sendable {
  public static let fileName = "manifest.json"
  public static let schemaName = "patchbank-token-cache"
  public static let currentVersion = 1

  public enum State: String, Codable, Sendable {
    /// Shards are still missing: the same extraction, run again, goes on.
    case partial
    case complete
  }

  public var schema: String
  public var schemaVersion: Int
  public var state: State
  public var configuration: CacheConfiguration
  /// N, the rows of the whole cache.
  public var rowCount: Int
  /// The rows of each shard; the last one may have fewer.
  public var shardSize: Int
  /// The rows, among those of the finished shards, whose image could not be decoded.
  public var undecodableRowCount: Int
  /// The finished shards, in row order.
  public var shards: [Shard]
  /// The digest of `attention-stats.json`; nil while the cache is partial.
  public var attentionStatisticsSHA256: String?
  /// The digest of this file, as it is with these 64 digits set to 0.
  public var manifestSHA256: String

  /// One finished shard.
  public struct Shard: Codable, Equatable, Sendable {
    public var name: String
    public var byteCount: Int
    public var rowStart: Int
    public var rowCount: Int
    public var undecodableRowCount: Int
    /// The digest of the whole file, as `sha256sum` prints it.
    public var sha256: String
    public var datasets: [String: Placement]

    enum CodingKeys: String, CodingKey {
      case name, sha256, datasets
      case byteCount = "bytes"
      case rowStart = "row_start"
      case rowCount = "rows"
      case undecodableRowCount = "undecodable_rows"
    }
  }

  /// Where a dataset lies in its shard, row after row without gaps.
  public struct Placement: Codable, Equatable, Sendable {
    /// In bytes, from the file's beginning.
    public var offset: Int
    public var type: DatasetType
    /// Rows first.
    public var shape: [Int]
  }

  enum CodingKeys: String, CodingKey {
    case schema, state, shards
    case schemaVersion = "schema_version"
    case configuration = "config"
    case rowCount = "rows"
    case shardSize = "shard_size"
    case undecodableRowCount = "undecodable_rows"
    case attentionStatisticsSHA256 = "attention_stats_sha256"
    case manifestSHA256 = "manifest_sha256"
  }

  /// The number of shards that the whole cache has.
  public var plannedShardCount: Int { (rowCount + shardSize - 1) / shardSize }

  /// The file name of a shard.
  public static func shardName(_ index: Int) -> String {
    let digits = String(index)
    return "shard-" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits + ".h5"
  }

  /// The rows of a shard, counted over the whole cache.
  public func rows(ofShard index: Int) -> Range<Int> {
    index * shardSize..<min(rowCount, (index + 1) * shardSize)
  }
}
