import ArgumentParser
import Checkpoints
import Commands
import Compute
import Extraction
import Files
import ModelHub
import Reporting
import TokenStore

struct TokensCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokens", abstract: "Encodes a data set of images into a token cache, or goes on with one.")

  @OptionGroup(title: "Encoder") var encoderOptions: EncoderOptions
  @OptionGroup(title: "Images") var datasetOptions: DatasetOptions
  @OptionGroup(title: "Preprocessing") var preprocessingOptions: PreprocessingOptions
  @OptionGroup(title: "Views") var viewOptions: ViewOptions
  @OptionGroup(title: "Cache") var storageOptions: StorageOptions
  @OptionGroup(title: "Process") var processOptions: ProcessOptions

  func run() throws {
    Interruption.listen()
    let rank = try processOptions.processRank()
    let parallel = processOptions.parallel(for: rank)
    let plan = try plan(rank, parallel)
    let extraction = try Extraction(
      plan, folder: storageOptions.outputPath, share: rank.share, parallel: parallel)
    let isTalking = !processOptions.quiet && rank.share.rank == 0
    if isTalking, let warning = rank.warning(rowCount: plan.rows.count, shardCount: extraction.shardCount) {
      StandardError.write("\(warning)\n")
    }
    let monitor = ExtractionMonitor(extraction, style: processOptions.quiet ? .quiet : .automatic)
    // An error, too, begins on a line of its own.
    defer { monitor.close() }
    let outcome = try extraction.run(
      onEvent: monitor.receive, shouldStop: { Interruption.isRequested })
    monitor.close()
    if let profile = extraction.profile(seconds: monitor.seconds) {
      StandardError.write(ProfileTable.text(profile))
    }
    try report(outcome, extraction, monitor)
  }

  /// Looks at the images and the checkpoint, and says on stderr what it finds.
  private func plan(_ rank: ProcessRank, _ parallel: Parallel) throws -> ExtractionPlan {
    let dataset = try datasetOptions.dataset(parallel: parallel)
    let isTalking = !processOptions.quiet && rank.share.rank == 0
    let model = try ModelLocator.locate(encoderOptions.checkpoint, style: isTalking ? .automatic : .quiet)
    let checkpoint = try CheckpointLoader.load(preprocessingOptions.request(encoderOptions, path: model.path))
    if isTalking {
      StandardError.write("\(dataset)\n")
      for line in model.notes {
        StandardError.write("\(encoderOptions.checkpoint): \(line)".printable + "\n")
      }
      for line in checkpoint.report.lines {
        StandardError.write("\(checkpoint.fileName): \(line)".printable + "\n")
      }
    }
    var options = storageOptions.extractionOptions(
      isStrict: datasetOptions.strict, augmentation: try viewOptions.storedViews())
    options.isProfiled = processOptions.profile
    let plan = try ExtractionPlan(
      dataset: dataset, split: dataset.split, checkpoint: checkpoint,
      checkpointSource: model.source,
      arithmetic: encoderOptions.arithmetic,
      preprocessing: try preprocessingOptions.preprocessing(for: checkpoint), options: options,
      programVersion: Program.version, parallel: parallel)
    if isTalking, plan.encoder.isWidened {
      StandardError.write(
        "bfloat16 is multiplied in single precision here: the tokens are right, but no faster than with --amp none\n"
      )
    }
    return try plan.calibrated(
      for: storageOptions.outputPath, parallel: parallel,
      onStart: { count in
        guard isTalking else { return }
        StandardError.write("int8: measuring the scales of the tokens' channels on \(count) images\n")
      },
      onImage: {
        if Interruption.isRequested { throw InterruptedError("stopped before any image was stored") }
      })
  }

  private func report(
    _ outcome: Extraction.Outcome, _ extraction: Extraction, _ monitor: ExtractionMonitor
  ) throws {
    let missingShards: Int
    switch outcome {
    case .finished: missingShards = 0
    case .shareFinished(let count): missingShards = count
    case .interrupted(let count):
      throw InterruptedError(
        "stopped after \(count) of \(extraction.shareRowCount) "
          + "\(extraction.plan.configuration.augmentation.rowUnit), which are kept in "
          + "\(storageOptions.outputPath); run the same command again to go on")
    }
    let result = ExtractionResult(
      extraction, monitor, storageOptions.outputPath, missingShards: missingShards)
    try StandardOutput.write(result.text(json: processOptions.json) + "\n")
  }
}
