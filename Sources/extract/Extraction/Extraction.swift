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
    /// The cache is complete.
    case finished(CacheManifest)
    /// This process's share is done; so many shards of others are not yet.
    case shareFinished(missingShardCount: Int)
    /// Stopped on request; so many of the share's rows are kept.
    case interrupted(keptRowCount: Int)
  }

  /// What became of some rows; reported from any thread.
  public enum Event: Sendable {
    /// An earlier run wrote these.
    case kept(rowCount: Int)
    case written(row: Int)
    /// The image cannot be decoded; the rows of its views say so.
    case undecodable(rows: ArraySlice<Int>, InputError)
  }

  public let plan: ExtractionPlan
  private let writer: CacheWriter
  private let parallel: Parallel
  /// Rows that are on the disk, by this run or an earlier one.
  private let keptRowCount: Atomic<Int>

  /// - Parameter share: what this process makes of the cache, where others make the rest.
  /// - Throws: where the folder holds a cache made for other settings, or the disk has no room for the cache.
  public init(
    _ plan: ExtractionPlan, folder: String, share: ShardShare = .whole, parallel: Parallel
  ) throws(InputError) {
    self.plan = plan
    self.parallel = parallel
    writer = try CacheWriter(
      folder: folder, configuration: plan.configuration, rows: plan.rows, shardSize: plan.options.shardSize,
      share: share, parallel: parallel)
    keptRowCount = Atomic(writer.finishedRowCount)
  }

  /// What this process makes of the cache, and the rows of that.
  public var share: ShardShare { writer.share }
  public var shareRowCount: Int { writer.shareRowCount }
  /// The shards of the whole cache.
  public var shardCount: Int { writer.shardCount }
  /// The share's shards that are finished, in row order, and their rows.
  public var finishedShards: [CacheManifest.Shard] { writer.finishedShards }
  public var finishedRowCount: Int { writer.finishedRowCount }
  /// What was found wrong with an earlier run's files and is made again.
  public var notices: [String] { writer.notices }

  /// Fills the share of the cache, shard by shard, and completes the cache if no other share is missing.
  ///
  /// - Parameter shouldStop: asked before each view of an image.
  public func run(
    onEvent: @escaping @Sendable (Event) -> Void = { _ in },
    shouldStop: @escaping @Sendable () -> Bool = { false }
  ) throws -> Outcome {
    let workers = PerWorker(parallel) { [plan, writer] in ImageWorker(plan, writer.layout) }
    for index in writer.shareShards {
      if shouldStop() { return .interrupted(keptRowCount: keptRowCount.load(ordering: .relaxed)) }
      guard let shard = try writer.openShard(index) else { continue }
      let keptCount = shard.rowRange.count - shard.remainingRows.count
      keptRowCount.add(keptCount, ordering: .relaxed)
      onEvent(.kept(rowCount: keptCount))
      let isStopped = Atomic(false)
      let images = plan.groupedByImage(shard.remainingRows)
      try parallel.forEach(images.count) { place, worker in
        try write(
          images[place], to: shard, by: workers.value(worker),
          onEvent: { event, rowCount in
            keptRowCount.add(rowCount, ordering: .relaxed)
            onEvent(event)
          },
          shouldStop: {
            if shouldStop() { isStopped.store(true, ordering: .relaxed) }
            return isStopped.load(ordering: .relaxed)
          })
      }
      if isStopped.load(ordering: .relaxed) {
        return .interrupted(keptRowCount: keptRowCount.load(ordering: .relaxed))
      }
      try shard.finish()
    }
    guard let manifest = try writer.finishShare() else {
      return .shareFinished(missingShardCount: writer.missingShardCount)
    }
    return .finished(manifest)
  }

  /// Decodes an image once for those of its views that are still to be written.
  ///
  /// - Parameter rows: one image's.
  private func write(
    _ rows: ArraySlice<Int>, to shard: ShardWriter, by worker: ImageWorker,
    onEvent: (_ event: Event, _ rowCount: Int) -> Void, shouldStop: () -> Bool
  ) throws {
    if shouldStop() { return }
    let source = plan.rows[rows[rows.startIndex]].sourceIndex
    // An image that cannot be read at all may be there again tomorrow: that ends the run, and the rows stay open.
    let content = try plan.dataset.content(of: plan.dataset.entries[Int(source)])
    let image: RGBImage
    do {
      image = try content.decoded()
    } catch {
      guard !plan.options.isStrict else { throw error }
      for row in rows { try shard.writeUndecodable(row: row) }
      onEvent(.undecodable(rows: rows, error), rows.count)
      return
    }
    for row in rows where !shouldStop() {
      let identity = plan.rows[row]
      let view = plan.options.augmentation.view(
        Int(identity.viewIndex), ofImage: source, height: image.height, width: image.width)
      try shard.write(row: row, worker.encode(image, view: view, subject: identity.id))
      onEvent(.written(row: row), 1)
    }
  }
}

extension ExtractionPlan {
  /// Splits ascending rows where one image's views end and another's begin.
  func groupedByImage(_ rows: [Int]) -> [ArraySlice<Int>] {
    var images: [ArraySlice<Int>] = []
    var start = 0
    for place in rows.indices
    where place + 1 == rows.count
      || self.rows[rows[place + 1]].sourceIndex != self.rows[rows[place]].sourceIndex
    {
      images.append(rows[start...place])
      start = place + 1
    }
    return images
  }
}
