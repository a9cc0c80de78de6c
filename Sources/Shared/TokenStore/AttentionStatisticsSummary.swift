import Compute
import Files
import Foundation

/// The attention statistics of a cache, averaged over its good rows: `attention-stats.json`.
///
/// Sums are taken in double precision over fixed chunks of rows, in row order, so that equal rows give equal bytes.
public struct AttentionStatisticsSummary: Codable, Equatable, Sendable {
  public static let fileName = "attention-stats.json"
  public static let schemaName = "patchbank-attention-statistics"

  /// The values of `attention_stats`, in their order there.
  public static let attentionNames = [
    "cls_cls_attention", "pos_self_attention", "cls_cls_attention_adj_for_cls",
    "pos_self_attention_adj_for_cls", "cls_pos_attention", "pos_cls_attention", "cls_pos_entropy",
    "pos_pos_entropy",
  ]
  /// The values of `magnitudes`, in their order there.
  public static let magnitudeNames = ["cls_magnitude", "pos_magnitude"]

  public var schema: String
  public var schemaVersion: Int
  /// The rows that are averaged over: the good ones.
  public var rowCount: Int
  /// log P, the entropy of attention that is spread evenly over the patches.
  public var maximumEntropy: Double
  /// By block, from 0.
  public var blocks: [Block]

  public struct Block: Codable, Equatable, Sendable {
    public var block: Int
    /// By name: the attention statistics and the magnitudes.
    public var statistics: [String: Statistic]
  }

  /// Absent where the model has no such value, such as one of [cls] in a model without it.
  public struct Statistic: Codable, Equatable, Sendable {
    /// Over rows and heads.
    public var mean: Double?
    /// The standard deviation over rows of the mean over heads.
    public var rowDeviation: Double?
    /// The standard deviation over heads of the mean over rows; absent for magnitudes, which have no heads.
    public var headDeviation: Double?
    /// [H], the mean over rows of each head; absent for magnitudes.
    public var headMeans: [Double]?

    enum CodingKeys: String, CodingKey {
      case mean
      case rowDeviation = "row_std"
      case headDeviation = "head_std"
      case headMeans = "head_means"
    }
  }

  enum CodingKeys: String, CodingKey {
    case schema, blocks
    case schemaVersion = "schema_version"
    case rowCount = "rows"
    case maximumEntropy = "maximum_entropy"
  }

  /// Reads the summary of a complete cache.
  public static func read(_ folder: String) throws(InputError) -> AttentionStatisticsSummary {
    let path = folder + "/" + fileName
    let file = try MappedFile(path)
    let summary = try CanonicalJSON.decode(Self.self, from: file.bytes, subject: path)
    guard summary.schema == schemaName, summary.schemaVersion == CacheManifest.currentVersion else {
      throw InputError(path, "is of the schema '\(summary.schema)', version \(summary.schemaVersion)")
    }
    return summary
  }
}

extension AttentionStatisticsSummary {
  /// The rows of a partial result: fixed, as the sums' rounding depends on it.
  private static let chunkLength = 1024

  /// Averages the good rows of a whole cache.
  init(_ shards: ShardSet, model: CacheConfiguration.Model, parallel: Parallel) throws {
    let partialResults = try parallel.mapChunks(of: shards.rowCount, length: Self.chunkLength) { rows in
      StatisticsMoments(shards, rows: rows, model: model)
    }
    var moments = StatisticsMoments(model: model)
    for partialResult in partialResults { moments.merge(partialResult) }
    self.init(moments, model: model)
  }

  private init(_ moments: StatisticsMoments, model: CacheConfiguration.Model) {
    schema = Self.schemaName
    schemaVersion = CacheManifest.currentVersion
    rowCount = moments.rowCount
    maximumEntropy = log(Double(model.patchCount))
    let names = Self.attentionNames + Self.magnitudeNames
    blocks = (0..<model.depth).map { block in
      let statistics = names.indices.map { (names[$0], moments.statistic($0, block: block)) }
      return Block(block: block, statistics: Dictionary(uniqueKeysWithValues: statistics))
    }
  }
}

extension Parallel {
  /// Runs a body on fixed chunks and returns its results in chunk order.
  fileprivate func mapChunks<Result: Sendable>(
    of count: Int, length: Int, _ body: @Sendable (Range<Int>) throws -> Result
  ) throws -> [Result] {
    let results = ChunkResults<Result>()
    try forEachChunk(of: count, length: length) { chunk, range, _ in results.set(try body(range), chunk) }
    return results.inOrder()
  }
}
