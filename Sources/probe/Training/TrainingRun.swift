import Compute
import Files
import Heads
import Reporting
import Tensors
import TokenStore

/// A training run from start to finish, or from where it stopped: caches in, run folder out.
public struct TrainingRun {
  public enum Outcome {
    case finished(RunSummary)
    /// Stopped on request after so many whole epochs, which a resumed run need not do again.
    case interrupted(epochs: Int)
  }

  /// How to treat what an earlier run left in the folder.
  public enum Start: Sendable { case fresh, overwrite, resume }

  let configuration: TrainingConfiguration
  let train: TokenCache
  let validation: TokenCache
  let folder: RunFolder
  let programVersion: String
  let parallel: Parallel

  public init(
    _ configuration: TrainingConfiguration, train: TokenCache, validation: TokenCache, folder: RunFolder,
    programVersion: String, parallel: Parallel
  ) {
    self.configuration = configuration
    self.train = train
    self.validation = validation
    self.folder = folder
    self.programVersion = programVersion
    self.parallel = parallel
  }

  /// A short name for progress and tables.
  public var name: String { configuration.head.name }

  /// - Parameters:
  ///   - onStart: told how many epochs an earlier run did, before the first epoch of this one.
  ///   - onEpoch: sees each epoch's record.
  ///   - onBatch: called after each batch with its mean loss.
  public func run(
    _ start: Start, onStart: (_ trainer: Trainer, _ doneEpochs: Int) -> Void = { _, _ in },
    onEpoch: (EpochRecord) -> Void = { _ in },
    onBatch: (_ batch: Int, _ batchCount: Int, _ loss: Double) -> Void = { _, _, _ in },
    shouldStop: () -> Bool = { false }
  ) throws -> Outcome {
    try CacheCompatibility(train).check(validation, with: train.path)
    let trainTokens = try LabelledTokens(train)
    let validationTokens = try LabelledTokens(measuringOn: validation)
    let classNames = train.configuration.dataset.classNames
    let trainer = try Trainer(
      configuration, layout: TokenLayout(train), classCount: classNames.count, training: trainTokens,
      validation: validationTokens, parallel: parallel)
    let identities = (try identity(train), try identity(validation))

    // Held to the end, so that two runs never write into one folder.
    let lock = try folder.lock()
    defer { withExtendedLifetime(lock) {} }
    let resuming = try prepareFolder(start)
    let done = resuming ? try trainer.resume(from: folder.checkpointFile, identities: identities) : 0
    var records: [EpochRecord] =
      resuming ? Array(try JSONLines.read(folder.metricsFile).prefix(done)) : []
    guard records.count == done else {
      throw InputError(
        folder.metricsFile, "holds \(records.count) of the \(done) epochs that the checkpoint has done",
        remedy: "start again with --overwrite")
    }
    let lines = try JSONLines(folder.metricsFile, keepingFirst: done)
    onStart(trainer, done)
    for epoch in done..<max(done, configuration.epochs) {
      guard let record = try trainer.runEpoch(epoch, onBatch: onBatch, shouldStop: shouldStop) else {
        return .interrupted(epochs: epoch)
      }
      // The checkpoint is written last: a line without its checkpoint is cut when the run goes on.
      try lines.append(record)
      try trainer.writeCheckpoint(to: folder.checkpointFile, epochs: epoch + 1, identities: identities)
      records.append(record)
      onEpoch(record)
    }
    return .finished(try finish(trainer, records, trainTokens, validationTokens, identities))
  }

  /// - Returns: whether there is a checkpoint to go on from; otherwise the folder holds no run any more.
  /// - Throws: where an earlier run is there and is not to be lost.
  private func prepareFolder(_ start: Start) throws(InputError) -> Bool {
    switch start {
    case .resume where folder.hasCheckpoint: return true
    case .resume where folder.hasEarlierRun:
      throw InputError(
        folder.path, "holds an earlier run, but not its checkpoint.safetensors to go on from",
        remedy: "add --overwrite to start again")
    case .fresh where folder.hasEarlierRun:
      throw InputError(
        folder.path, "holds an earlier run",
        remedy: "add --resume to go on with it, or --overwrite to start again")
    default:
      // A run that was killed in its first epoch leaves nothing to go on from.
      try folder.clear()
      return false
    }
  }

  private func finish(
    _ trainer: Trainer, _ records: [EpochRecord], _ trainTokens: LabelledTokens,
    _ validationTokens: LabelledTokens,
    _ identities: (train: String, validation: String)
  ) throws -> RunSummary {
    let description = try CanonicalJSON.text(configuration.head)
    try Safetensors.write(
      trainer.head.stateDictionary(), metadata: ["patchbank_head": description], to: folder.headFile)
    let best = records.reduce(records[0]) { $1.validation.top1 > $0.validation.top1 ? $1 : $0 }
    let summary = RunSummary(
      programVersion: programVersion, configuration: configuration,
      layout: HeadLayout(train), encoder: train.configuration.model.name,
      checkpointSHA256: train.configuration.checkpoint.sha256, encoderSettings: try EncoderSettings(train),
      train: .init(
        path: train.path, manifestSHA256: identities.train, images: trainTokens.count,
        skippedRows: trainTokens.skippedRowCount),
      validation: .init(
        path: validation.path, manifestSHA256: identities.validation, images: validationTokens.count,
        skippedRows: validationTokens.skippedRowCount),
      parameterCount: trainer.head.parameterCount, final: records[records.count - 1], best: best)
    try folder.writeSummary(summary)
    return summary
  }

  private func identity(_ cache: TokenCache) throws(InputError) -> String {
    try SHA256.hexadecimal(ofFile: cache.path + "/" + CacheManifest.fileName)
  }
}
