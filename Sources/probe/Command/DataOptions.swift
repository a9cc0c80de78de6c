import ArgumentParser
import Heads
import Reading

extension Shuffle: ExpressibleByArgument {}
extension TokenNorm.Choice: ExpressibleByArgument {}

/// How caches are read, whatever they are read for.
struct ReadingArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "CSV or TSV file of ids and labels that override the caches' labels.", valueName: "file"))
  var labelFile: String?

  @Flag(help: "Check each row's checksum when it is first read.")
  var checkCrc = false

  @Option(help: ArgumentHelp("How far to ask the disk ahead; 0 for not at all.", valueName: "megabytes"))
  var readAhead = 256

  func validate() throws {
    guard (0...65536).contains(readAhead) else {
      throw ValidationError("--read-ahead must be 0 to 65536 megabytes, not \(readAhead).")
    }
  }

  var options: ReadingOptions {
    ReadingOptions(checksRows: checkCrc, readAheadByteCount: readAhead << 20)
  }
}

/// What a run learns from, and what it is measured on.
struct DataOptions: ParsableArguments {
  @Option(
    name: .customLong("train"),
    help: ArgumentHelp("Cache to train on; several are joined.", valueName: "cache"))
  var trainPaths: [String]

  @Option(
    name: .customLong("val"),
    help: ArgumentHelp("Cache to measure on; several are joined.", valueName: "cache"))
  var validationPaths: [String]

  @Option(
    help: ArgumentHelp("Like --label-file, of the validation images alone.", valueName: "file"))
  var labelFileVal: String?

  @Option(
    name: .customLong("attention-from"),
    help: ArgumentHelp(
      "Cache of another encoder, of the training images, whose attention dino takes.", valueName: "cache"))
  var trainAttentionPaths: [String] = []

  @Option(
    name: .customLong("attention-from-val"),
    help: ArgumentHelp("Likewise of the validation images.", valueName: "cache"))
  var validationAttentionPaths: [String] = []

  @Option(
    name: .customLong("beside"),
    help: ArgumentHelp(
      "Cache of a second encoder, of the training images, whose features stand behind the first's.",
      valueName: "cache"))
  var trainBesidePaths: [String] = []

  @Option(
    name: .customLong("beside-val"),
    help: ArgumentHelp("Likewise of the validation images.", valueName: "cache"))
  var validationBesidePaths: [String] = []

  @Option(
    name: .customLong("return-block"),
    help: ArgumentHelp("Stored block whose tokens are used, from 0; by default the last.", valueName: "block")
  )
  var block: Int?

  @Option(help: "Train on this share of the images, even over classes.")
  var fraction: Double?

  @Option(help: "Train on so many images of each class.")
  var shots: Int?

  @Option(help: "Decides which images --fraction and --shots draw.")
  var subsetSeed: UInt64 = 0

  @Option(help: "none, or final: the encoder's norm after its last block is applied to the tokens.")
  var tokenNorm: TokenNorm.Choice = .none

  @OptionGroup var reading: ReadingArguments

  func validate() throws {
    guard trainAttentionPaths.isEmpty == validationAttentionPaths.isEmpty else {
      throw ValidationError("--attention-from and --attention-from-val go together.")
    }
    if labelFileVal != nil, reading.labelFile == nil {
      throw ValidationError("--label-file-val goes with --label-file.")
    }
    if fraction != nil, shots != nil { throw ValidationError("--fraction and --shots exclude each other.") }
    if let fraction, !(fraction > 0 && fraction <= 1) {
      throw ValidationError("--fraction must be above 0 and at most 1, not \(fraction).")
    }
    if let shots, shots < 1 { throw ValidationError("--shots must be at least 1, not \(shots).") }
    if let block, block < 0 { throw ValidationError("--return-block counts from 0; \(block) is none.") }
  }

  var sources: DataSources {
    var sources = DataSources(
      train: trainPaths, validation: validationPaths, labelFile: reading.labelFile,
      validationLabelFile: labelFileVal,
      trainAttention: trainAttentionPaths, validationAttention: validationAttentionPaths,
      reading: reading.options)
    (sources.trainBeside, sources.validationBeside) = (trainBesidePaths, validationBesidePaths)
    return sources
  }

  /// In no order of its own.
  var selection: DataSelection {
    DataSelection(
      block: block, fraction: fraction, shots: shots, subsetSeed: subsetSeed, tokenNorm: tokenNorm)
  }
}

/// The same, and in what order it is learned from, epoch by epoch.
struct EpochDataOptions: ParsableArguments {
  @OptionGroup var data: DataOptions

  @Flag(
    help: "Take every stored view of an image as an image of its own; else each epoch takes another one.")
  var allViews = false

  @Option(help: "full, or blocks: by blocks of neighbours, for caches on slow disks that memory cannot hold.")
  var shuffle: Shuffle = .full

  @Flag(help: "Draw every class equally often.")
  var balanced = false

  var sources: DataSources { data.sources }

  var selection: DataSelection {
    var selection = data.selection
    (selection.usesAllViews, selection.shuffle, selection.isBalanced) = (allViews, shuffle, balanced)
    return selection
  }
}
