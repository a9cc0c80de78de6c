import Compute
import Files
import Images
import Synchronization
import TokenStore
import VisionTransformer

/// The pipeline: images -> tokens and statistics -> token cache.
///
/// Every thread takes the next image, decodes, encodes and writes it by itself. One image a thread keeps activations in
/// the thread's own cache and makes tokens independent of batch size and thread count; and as some threads decode while
/// others multiply, decoding needs no queue of its own.
public final class Extraction: Sendable {
  public enum Outcome: Sendable {
    case finished(CacheManifest)
    /// Stopped on request; so many of the cache's rows are kept.
    case interrupted(keptRowCount: Int)
  }

  /// What became of some rows; reported from any thread.
  public enum Event: Sendable {
    /// An earlier run wrote these.
    case kept(rowCount: Int)
    case written(row: Int)
    /// The image cannot be decoded; the row says so.
    case undecodable(row: Int, InputError)
  }

  public let plan: ExtractionPlan
  private let writer: CacheWriter
  private let parallel: Parallel
  /// Rows that are on the disk, by this run or an earlier one.
  private let keptRowCount: Atomic<Int>

  /// - Throws: where the folder holds a cache made for other settings, or the disk has no room for the cache.
  public init(_ plan: ExtractionPlan, folder: String, parallel: Parallel) throws(InputError) {
    self.plan = plan
    self.parallel = parallel
    writer = try CacheWriter(
      folder: folder, configuration: plan.configuration, rows: plan.rows, shardSize: plan.options.shardSize,
      parallel: parallel)
    keptRowCount = Atomic(writer.finishedRowCount)
  }

  /// The rows of shards that an earlier run finished.
  public var finishedRowCount: Int { writer.finishedRowCount }
  /// What was found wrong with an earlier run's files and is made again.
  public var notices: [String] { writer.notices }

  /// Fills the cache, shard by shard.
  ///
  /// - Parameter shouldStop: asked before each image.
  public func run(
    onEvent: @escaping @Sendable (Event) -> Void = { _ in },
    shouldStop: @escaping @Sendable () -> Bool = { false }
  ) throws -> Outcome {
    let workers = PerWorker(parallel) { [plan, writer] in ImageWorker(plan, writer.layout) }
    for index in 0..<writer.shardCount {
      if shouldStop() { return .interrupted(keptRowCount: keptRowCount.load(ordering: .relaxed)) }
      guard let shard = try writer.openShard(index) else { continue }
      let keptCount = shard.rowRange.count - shard.remainingRows.count
      keptRowCount.add(keptCount, ordering: .relaxed)
      onEvent(.kept(rowCount: keptCount))
      let isStopped = Atomic(false)
      try parallel.forEach(shard.remainingRows.count) { place, worker in
        if shouldStop() { isStopped.store(true, ordering: .relaxed) }
        if isStopped.load(ordering: .relaxed) { return }
        onEvent(try write(row: shard.remainingRows[place], to: shard, by: workers.value(worker)))
        keptRowCount.add(1, ordering: .relaxed)
      }
      if isStopped.load(ordering: .relaxed) {
        return .interrupted(keptRowCount: keptRowCount.load(ordering: .relaxed))
      }
      try shard.finish()
    }
    return .finished(try writer.finish())
  }

  private func write(row: Int, to shard: ShardWriter, by worker: ImageWorker) throws -> Event {
    // An image that cannot be read at all may be there again tomorrow: that ends the run, and the row stays open.
    let content = try plan.dataset.content(of: plan.dataset.entries[row])
    let image: RGBImage
    do {
      image = try content.decoded()
    } catch {
      guard !plan.options.isStrict else { throw error }
      try shard.writeUndecodable(row: row)
      return .undecodable(row: row, error)
    }
    try shard.write(row: row, worker.encode(image, subject: plan.rows[row].id))
    return .written(row: row)
  }
}
