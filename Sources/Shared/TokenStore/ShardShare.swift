/// The shards that one process makes where several write a cache together: every `worldSize`-th one, from `rank` on.
///
/// It is a function of these two numbers alone, so processes need not know of each other. Neighbouring shards are of
/// different ranks: shares differ by at most one shard, and what a stopped run has left, which is the end of each share,
/// is spread evenly over any other number of ranks, too.
public struct ShardShare: Equatable, Sendable {
  /// From 0.
  public let rank: Int
  public let worldSize: Int

  /// All shards.
  public static let whole = ShardShare(rank: 0, worldSize: 1)

  public init(rank: Int, worldSize: Int) {
    precondition(
      worldSize > 0 && (0..<worldSize).contains(rank), "rank \(rank) of \(worldSize) does not exist")
    self.rank = rank
    self.worldSize = worldSize
  }

  public func contains(shard: Int) -> Bool { shard % worldSize == rank }
}
