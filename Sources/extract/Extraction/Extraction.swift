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
/// others multiply, decoding needs no queue of its own. Files are asked for ahead of their turn.
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
    /// Something is wrong with an earlier run's files, and is made again.
    case notice(String)
  }

  public let plan: ExtractionPlan
  private let writer: CacheWriter
  private let parallel: Parallel
  /// Rows that are on the disk, by this run or an earlier one.
  private let keptRowCount: Atomic<Int>
  private let encodedRowCount = Atomic(0)
  private let workers: PerWorker<ImageWorker>

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
    workers = PerWorker(parallel) { [layout = writer.layout] in
      ImageWorker(plan, layout, isProfiled: plan.options.isProfiled)
    }
  }

  /// What this process makes of the cache, and the rows of that.
  public var share: ShardShare { writer.share }
  public var shareRowCount: Int { writer.shareRowCount }
  /// The shards of the whole cache.
  public var shardCount: Int { writer.shardCount }
  /// The share's shards that are finished, in row order, and their rows.
  public var finishedShards: [CacheManifest.Shard] { writer.finishedShards }
  public var finishedRowCount: Int { writer.finishedRowCount }
  /// What was found wrong with an earlier run's files before the run, and is made again.
  public var notices: [String] { writer.notices }
  /// The rows that this run encoded.
  public var encodedCount: Int { encodedRowCount.load(ordering: .relaxed) }

  /// Fills the share of the cache, shard by shard, and completes the cache if no other share is missing.
  ///
  /// - Parameter shouldStop: asked before each view of an image.
  public func run(
    onEvent: @escaping @Sendable (Event) -> Void = { _ in },
    shouldStop: @escaping @Sendable () -> Bool = { false }
  ) throws -> Outcome {
    // While a shard is flushed, checked and hashed, the next one is filled.
    let finishing = BackgroundStep()
    do {
      for index in writer.shareShards {
        guard !shouldStop(), try fill(index, finishing, onEvent, shouldStop) else {
          try finishing.wait()
          return .interrupted(keptRowCount: keptRowCount.load(ordering: .relaxed))
        }
      }
      try finishing.wait()
    } catch {
      try? finishing.wait()
      throw error
    }
    guard let manifest = try writer.finishShare() else {
      return .shareFinished(missingShardCount: writer.missingShardCount)
    }
    return .finished(manifest)
  }

  /// Where the time of a run went, if its options ask for that.
  ///
  /// - Parameter seconds: the run's length.
  public func profile(seconds: Double) -> ExtractionProfile? {
    guard plan.options.isProfiled else { return nil }
    return ExtractionProfile(
      workers.made.compactMap(\.clocks), configuration: plan.encoder.configuration,
      rowCount: encodedCount,
      availableSeconds: seconds * Double(parallel.threadCount))
  }

  /// Encodes what is missing of a shard, and begins to finish it.
  ///
  /// - Returns: false where it was stopped.
  private func fill(
    _ index: Int, _ finishing: BackgroundStep, _ onEvent: @escaping @Sendable (Event) -> Void,
    _ shouldStop: @escaping @Sendable () -> Bool
  ) throws -> Bool {
    let (noticeCount, finishedCount) = (writer.notices.count, writer.finishedRowCount)
    let shard = try writer.openShard(index)
    for notice in writer.notices.dropFirst(noticeCount) { onEvent(.notice(notice)) }
    // A shard that is finished is one that was counted already, or one that was found whole just now.
    let keptCount =
      shard.map { $0.rowRange.count - $0.remainingRows.count } ?? (writer.finishedRowCount - finishedCount)
    keptRowCount.add(keptCount, ordering: .relaxed)
    onEvent(.kept(rowCount: keptCount))
    guard let shard else { return true }
    let isStopped = Atomic(false)
    let images = plan.groupedByImage(shard.remainingRows)
    let readAhead = ReadAhead(count: images.count, distance: 4 * parallel.threadCount) { [plan] place in
      // An image that cannot be read is told of when its turn comes.
      plan.dataset.prefetch(plan.entry(of: images[place]))
    }
    defer { readAhead.stop() }
    try parallel.forEach(images.count) { place, worker in
      readAhead.advance()
      try write(
        images[place], to: shard, by: workers.value(worker), onEvent: onEvent,
        shouldStop: {
          if shouldStop() || finishing.hasFailed { isStopped.store(true, ordering: .relaxed) }
          return isStopped.load(ordering: .relaxed)
        })
    }
    if isStopped.load(ordering: .relaxed) { return false }
    // On one thread: the others are those that encode.
    try finishing.start { try shard.finish(parallel: Parallel(threadCount: 1)) }
    return true
  }

  /// Decodes an image once for those of its views that are still to be written.
  ///
  /// - Parameter rows: one image's.
  private func write(
    _ rows: ArraySlice<Int>, to shard: ShardWriter, by worker: ImageWorker, onEvent: (Event) -> Void,
    shouldStop: () -> Bool
  ) throws {
    if shouldStop() { return }
    let image: RGBImage
    switch try worker.decode(plan.entry(of: rows), of: plan.dataset) {
    case .success(let decoded): image = decoded
    case .failure(let error):
      guard !plan.options.isStrict else { throw error }
      for row in rows { try shard.writeUndecodable(row: row) }
      keptRowCount.add(rows.count, ordering: .relaxed)
      onEvent(.undecodable(rows: rows, error))
      return
    }
    for row in rows where !shouldStop() {
      let identity = plan.rows[row]
      let view = plan.options.augmentation.view(
        Int(identity.viewIndex), ofImage: identity.sourceIndex, height: image.height, width: image.width)
      try worker.write(image, view: view, subject: identity.id, row: row, to: shard)
      keptRowCount.add(1, ordering: .relaxed)
      encodedRowCount.add(1, ordering: .relaxed)
      onEvent(.written(row: row))
    }
  }
}

extension ExtractionPlan {
  /// The image whose views some rows are.
  fileprivate func entry(of rows: ArraySlice<Int>) -> ImageDataset.Entry {
    dataset.entries[rows[rows.startIndex] / options.augmentation.viewCount]
  }

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
