import Compute
import Files
import Heads
import Reading
import Reporting
import Tensors
import TokenStore

/// One head that is to be trained, and the folder that is to tell of it.
public struct PlannedRun: Sendable {
  public var configuration: TrainingConfiguration
  public var folder: RunFolder

  public init(_ configuration: TrainingConfiguration, _ folder: RunFolder) {
    self.configuration = configuration
    self.folder = folder
  }
}

/// What became of a planned run.
public enum RunResult: Sendable {
  case finished(RunSummary)
  /// The head was given up.
  case failed(RunFailure)

  /// - Throws: where the head was given up.
  public func summary() throws(InputError) -> RunSummary {
    switch self {
    case .finished(let summary): return summary
    case .failed(let failure):
      throw InputError("training", failure.reason, remedy: "use a smaller --blr or --lr")
    }
  }
}

/// The training of one or many heads from start to finish, or from where it stopped: caches in, run folders out.
public struct TrainingRun {
  public enum Outcome {
    /// One result a planned run, in their order.
    case finished([RunResult])
    /// Stopped on request; what is done need not be done again by a resumed run.
    case interrupted
  }

  /// How to treat what an earlier run left in the folder.
  public enum Start: Sendable { case fresh, overwrite, resume }

  /// What is new of one of the runs.
  public struct News: Sendable {
    /// Its place among those that were planned.
    public let number: Int
    /// Of the epochs since the last time: at first all that an earlier run did, later one, and none of a head that was
    /// given up.
    public let records: [EpochRecord]
    /// Why the head was given up.
    public let failure: String?

    package init(number: Int, records: [EpochRecord], failure: String? = nil) {
      (self.number, self.records, self.failure) = (number, records, failure)
    }
  }

  /// A batch that runs which learn side by side have done.
  public struct Batch: Sendable {
    /// The first head's name.
    public let track: String
    /// From 0.
    public let epoch: Int
    /// The mean over the batch, of the first head that goes on.
    public let loss: Double
    /// Of the epoch's images so far, of each head that goes on, by its place among the runs that were planned.
    public let means: [(number: Int, means: TrainingMeans)]
  }

  /// What a run tells while it works.
  public struct Observer {
    /// Told, before all else, of how many images features that no epoch changes are computed.
    public var onFeatures: (_ images: Int, _ total: Int) -> Void = { _, _ in }
    /// Told before the first batch how many there are in all, and how many an earlier run did.
    public var onStart: (_ batches: Int, _ done: Int) -> Void = { _, _ in }
    /// Called after each batch.
    public var onBatch: (_ batch: Batch) -> Void = { _ in }
    /// Called after each epoch, for the runs that learn side by side, and before the first one of a resumed run.
    public var onEpoch: (_ news: [News]) -> Void = { _ in }
    /// Sees what the user should know, in one line.
    public var onNote: (_ text: String) -> Void = { _ in }
    public var shouldStop: () -> Bool = { false }

    public init() {}
  }

  private(set) var runs: [PlannedRun]
  let sources: DataSources
  /// Holds the lock and the checkpoints.
  let folder: RunFolder
  let writesTensorBoard: Bool
  /// How many heads learn side by side at most.
  let headsAtOnce: Int
  let programVersion: String
  let parallel: Parallel

  /// - Parameters:
  ///   - runs: at least one; all select the same data.
  ///   - folder: where checkpoints are kept; a single run's own folder, or the one that holds those of many.
  ///   - headsAtOnce: more heads learn one group after the other, each from its own reading of the tokens. What becomes of
  ///     them does not depend on it.
  public init(
    _ runs: [PlannedRun], _ sources: DataSources, folder: RunFolder,
    writesTensorBoard: Bool = true, headsAtOnce: Int = .max, programVersion: String, parallel: Parallel
  ) {
    precondition(headsAtOnce > 0, "no heads at once are none at all")
    precondition(!runs.isEmpty, "there is nothing to train")
    self.runs = runs
    self.sources = sources
    self.folder = folder
    self.writesTensorBoard = writesTensorBoard
    self.headsAtOnce = headsAtOnce
    self.programVersion = programVersion
    self.parallel = parallel
  }

  public func run(_ start: Start, _ observer: Observer = Observer()) throws -> Outcome {
    let data = try TrainingData(sources, runs[0].configuration.data)
    var resolved = self
    for index in runs.indices { resolved.runs[index].configuration.data = data.selection }
    do {
      return try resolved.run(start, data, observer)
    } catch let error as InputError where error.remedy == fullDiskRemedy {
      throw InputError(error.subject, error.reason, remedy: fullDiskRemedy + " with --resume")
    }
  }

  private func run(_ start: Start, _ data: TrainingData, _ observer: Observer) throws -> Outcome {
    let images = TrainingImages(data)
    for run in runs { try images.check(run.configuration.head) }
    let identities = CacheIdentities(
      train: try data.trainingCaches.identity(), validation: try data.validationCaches.identity())

    // Held to the end, so that two runs never write into one folder.
    let lock = try folder.lock()
    defer { withExtendedLifetime(lock) {} }
    let tracks = tracks()
    try prepareFolders(start, identities)
    let imageCount = try data.selection.order(of: images.training, seed: 0).count
    let batches = tracks.map { imageCount / $0.batchSize }
    let progress = try tracks.enumerated().map { number, track in
      try Trainer.progress(
        folder.checkpointFile(track: number), of: track.runs.map { runs[$0].configuration }, identities)
    }
    let unfinished = zip(tracks, progress).filter { $0.0.epochs > $0.1.epochs }
    guard let imagesOfFeatures = try pooledImages(images, for: unfinished.map(\.0), observer) else {
      return .interrupted
    }
    observer.onStart(
      zip(tracks, batches).reduce(0) { $0 + $1.0.epochs * $1.1 },
      zip(progress, batches).reduce(0) { $0 + $1.0.epochs * $1.1 })
    noteOtherLevel(unfinished.compactMap(\.1.cpuLevel), observer)
    if MatrixProducts.areWidened, runs.contains(where: { $0.configuration.products == .bfloat16 }) {
      observer.onNote(
        "bfloat16 is multiplied in single precision here: right, but hardly faster than with --amp none")
    }
    var results = [RunResult?](repeating: nil, count: runs.count)
    for (number, track) in tracks.enumerated() {
      let training = TrackTraining(
        run: self, track: track, checkpoint: folder.checkpointFile(track: number),
        images: imagesOfFeatures[features(of: track)] ?? images, data: data, identities: identities)
      guard let finished = try training.run(observer) else { return .interrupted }
      for (index, result) in zip(track.runs, finished) { results[index] = result }
    }
    return .finished(results.map { $0! })
  }

  /// The images with those features in the place of tokens that are computed once for some tracks, all in one pass.
  ///
  /// - Returns: nil where the observer asked to stop.
  private func pooledImages(
    _ images: TrainingImages, for tracks: [Track], _ observer: Observer
  ) throws -> [HeadDescription.Features: TrainingImages]? {
    let computed = Set(tracks.map { features(of: $0) }.filter(FixedFeature.isComputedOnce))
      .sorted { $0.rawValue < $1.rawValue }
    let pooled = try images.pooled(
      computed, parallel, folder: folder.path, shouldStop: observer.shouldStop,
      onProgress: observer.onFeatures)
    return pooled.map { Dictionary(uniqueKeysWithValues: zip(computed, $0)) }
  }

  /// - Parameter levels: the instruction sets that unfinished tracks were worked on with.
  private func noteOtherLevel(_ levels: [String], _ observer: Observer) {
    let level = Trainer.cpuLevel
    guard let before = levels.first(where: { $0 != level }) else { return }
    observer.onNote(
      "goes on with \(level) kernels what \(before) kernels began: the last bits may be others than those of a run on one"
    )
  }

  private func features(of track: Track) -> HeadDescription.Features {
    runs[track.runs[0]].configuration.head.features
  }

  /// Runs that learn side by side, in the order of the first of each.
  private func tracks() -> [Track] {
    var tracks: [Track] = []
    var numbers: [TrainingConfiguration.Track: Int] = [:]
    for (index, run) in runs.enumerated() {
      let kind = run.configuration.track
      if let number = numbers[kind], tracks[number].runs.count < headsAtOnce {
        tracks[number].runs.append(index)
      } else {
        numbers[kind] = tracks.count
        tracks.append(
          Track(
            runs: [index], epochs: kind.epochs, batchSize: kind.batchSize, name: run.configuration.head.name))
      }
    }
    return tracks
  }

  /// What many runs are to be; nil for a single run, whose folder holds the checkpoint itself.
  private func plan(_ identities: CacheIdentities) -> SweepPlan? {
    guard runs[0].folder.path != folder.path else { return nil }
    return SweepPlan(
      programVersion: programVersion, train: identities.train, validation: identities.validation,
      runs: runs.map {
        .init(
          folder: String($0.folder.path.dropFirst(folder.path.count + 1)), configuration: $0.configuration)
      })
  }

  /// Makes way for a run that starts anew, and tells what a sweep is going to be.
  ///
  /// - Throws: where an earlier run is there and is not to be lost, or is not the one to go on with.
  private func prepareFolders(_ start: Start, _ identities: CacheIdentities) throws(InputError) {
    let plan = plan(identities)
    let planFile = SweepFolder(folder.path).planFile
    if start != .overwrite { try refuseOtherKind(isSweep: plan != nil) }
    if start == .resume, let plan, Folder.contains(planFile) { try plan.check(against: planFile) }
    switch start {
    case .resume where folder.hasCheckpoint:
      if plan == nil || Folder.contains(planFile) { return }
      throw InputError(
        folder.path, "holds a sweep without its plan.json, so that it is not known which",
        remedy: "start again with --overwrite")
    case .resume where folder.holdsResults:
      throw InputError(
        folder.path, "holds an earlier run, but not its checkpoint to go on from",
        remedy: "add --overwrite to start again")
    case .fresh where folder.holdsResults:
      throw InputError(
        folder.path, "holds an earlier run",
        remedy: "add --resume to go on with it, or --overwrite to start again")
    default:
      // A run that was killed in its first epoch leaves nothing to go on from.
      try folder.clear()
      for run in runs { try run.folder.clear() }
      if let plan { try AtomicFile.write(try CanonicalJSON.page(plan), to: planFile) }
      // Also of those that learn later, so that whoever follows the files finds all of them from the start.
      for run in runs {
        try run.folder.make()
        _ = try JSONLines(run.folder.metricsFile)
      }
    }
  }

  /// - Throws: where the folder is a single run's and a sweep is to go there, or the other way round.
  private func refuseOtherKind(isSweep: Bool) throws(InputError) {
    let expected: RunFolder.Contents = isSweep ? .sweep : .run
    guard let found = folder.contents, found != expected else { return }
    throw InputError(
      folder.path,
      found == .sweep ? "holds a sweep, not a single run" : "holds a single run, not a sweep",
      remedy: "use another --output-dir, or add --overwrite to replace it")
  }
}

/// Runs that learn side by side.
struct Track {
  /// Their numbers.
  var runs: [Int]
  var epochs: Int
  var batchSize: Int
  /// For progress: the first head's.
  var name: String
}

/// The training of one track.
struct TrackTraining {
  let run: TrainingRun
  let track: Track
  let checkpoint: String
  let images: TrainingImages
  let data: TrainingData
  let identities: CacheIdentities

  private var runs: [PlannedRun] { track.runs.map { run.runs[$0] } }

  /// Checkpoints that take long beside the epochs are not written after every one: they may take a twentieth of the time.
  private static let checkpointShare = 20

  /// - Returns: a result a run; nil where the observer asked to stop.
  func run(_ observer: TrainingRun.Observer) throws -> [RunResult]? {
    let trainer = try Trainer(
      runs.map(\.configuration), layout: data.layout, images: images, scratchFolder: run.folder.path,
      parallel: run.parallel)
    let done =
      Folder.contains(checkpoint) ? try trainer.resume(from: checkpoint, identities: identities) : 0
    var logs = try zip(runs, trainer.members).map { run, member in
      try EpochLog(
        run.folder, run.configuration, done: done, hasFailed: member.failure != nil,
        writesTensorBoard: self.run.writesTensorBoard)
    }
    if done > 0 { observer.onEpoch(news(trainer, logs.map(\.records))) }
    var nextCheckpoint = ContinuousClock.now
    for epoch in done..<max(done, track.epochs) {
      guard
        let records = try trainer.runEpoch(
          epoch, onBatch: { observer.onBatch(batch($0, epoch, loss: $1, trainer)) },
          shouldStop: observer.shouldStop)
      else { return nil }
      for (index, record) in records.enumerated() {
        if let record { try logs[index].append(record) }
      }
      // The checkpoint is written last: lines without their checkpoint are cut when the run goes on.
      let start = ContinuousClock.now
      if epoch + 1 == track.epochs || start >= nextCheckpoint {
        try trainer.writeCheckpoint(to: checkpoint, epochs: epoch + 1, identities: identities)
        nextCheckpoint = .now + (ContinuousClock.now - start) * Self.checkpointShare
      }
      observer.onEpoch(news(trainer, records.map { $0.map { [$0] } ?? [] }))
    }
    return try finish(trainer, logs)
  }

  private func batch(_ count: Int, _ epoch: Int, loss: Double, _ trainer: Trainer) -> TrainingRun.Batch {
    let means = zip(track.runs, trainer.means(ofBatches: count)).compactMap { number, means in
      means.map { (number: number, means: $0) }
    }
    return .init(track: track.name, epoch: epoch, loss: loss, means: means)
  }

  private func news(_ trainer: Trainer, _ records: [[EpochRecord]]) -> [TrainingRun.News] {
    track.runs.indices.map {
      .init(number: track.runs[$0], records: records[$0], failure: trainer.members[$0].failure)
    }
  }

  private func finish(_ trainer: Trainer, _ logs: [EpochLog]) throws -> [RunResult] {
    try trainer.members.indices.map { index in
      let (member, folder, records) = (trainer.members[index], runs[index].folder, logs[index].records)
      // Records of an earlier version may hold what a head is given up for now.
      if let reason = member.failure ?? records.lazy.compactMap(\.failure).first {
        let failure = try failure(member.configuration, reason)
        try folder.writeFailure(failure)
        return .failed(failure)
      }
      try Safetensors.write(
        member.head.stateDictionary(),
        metadata: ["patchbank_head": try CanonicalJSON.text(member.configuration.head)], to: folder.headFile)
      let summary = try summary(member, records, trainer.cpuLevels)
      try folder.writeSummary(summary)
      return .finished(summary)
    }
  }

  private func failure(_ configuration: TrainingConfiguration, _ reason: String) throws -> RunFailure {
    RunFailure(
      programVersion: run.programVersion, configuration: configuration, reason: reason,
      encoderSettings: data.trainingCaches.encoder, train: try trainingCache, validation: validationCache)
  }

  private var trainingCache: RunSummary.Cache {
    get throws {
      .init(
        path: data.trainingCaches.name, manifestSHA256: identities.train,
        images: try data.selection.order(of: data.training, seed: 0).count,
        skippedRows: data.training.skippedRowCount, foreignLabels: data.training.foreignLabelCount,
        labelFile: run.sources.labelFile, attentionCaches: run.sources.trainAttention,
        besideCaches: run.sources.trainBeside)
    }
  }

  private var validationCache: RunSummary.Cache {
    .init(
      path: data.validationCaches.name, manifestSHA256: identities.validation,
      images: data.validation.count, skippedRows: data.validation.skippedRowCount,
      foreignLabels: data.validation.foreignLabelCount,
      labelFile: run.sources.validationLabelFile ?? run.sources.labelFile,
      attentionCaches: run.sources.validationAttention, besideCaches: run.sources.validationBeside)
  }

  private func summary(
    _ member: Trainer.Member, _ records: [EpochRecord], _ cpuLevels: [String]
  ) throws -> RunSummary {
    let encoder = data.trainingCaches.encoder
    let best = records.reduce(records[0]) { $1.validation.score > $0.validation.score ? $1 : $0 }
    return RunSummary(
      programVersion: run.programVersion, configuration: member.configuration, layout: data.layout,
      encoder: encoder.model.name, checkpointSHA256: encoder.checkpoint.sha256, encoderSettings: encoder,
      train: try trainingCache, validation: validationCache,
      parameterCount: member.head.parameterCount, cpuLevels: cpuLevels, final: records[records.count - 1],
      best: best)
  }
}
