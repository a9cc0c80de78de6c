import ArgumentParser
import Checkpoints
import Commands
import Compute
import Extraction
import Files
import Images
import Reporting
import TokenStore

struct TokensCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokens", abstract: "Encodes a folder of images into a token cache, or goes on with one.")

  @OptionGroup(title: "Encoder") var encoderOptions: EncoderOptions

  @Option(help: ArgumentHelp("Folder of images, with one folder a class or flat.", valueName: "folder"))
  var dataPath: String

  @Option(help: ArgumentHelp("Folder below --data-path to use, such as train or val.", valueName: "name"))
  var split: String?

  @Option(
    name: [.customLong("output-dir"), .short], help: ArgumentHelp("Cache to write.", valueName: "cache"))
  var outputPath: String

  @OptionGroup(title: "Preprocessing") var preprocessingOptions: PreprocessingOptions

  @Option(help: "Type that tokens are stored in.")
  var tokenDtype: TokenType = .float16

  @Option(help: "Images of one shard.")
  var shardSize = 4096

  @Option(help: "Precision of the encoder.")
  var amp: Precision = .none

  @Option(name: .customLong("num-workers"), help: "Threads; by default as many as there are processors.")
  var workers: Int?

  @Flag(help: "End with an error at the first image that cannot be decoded.")
  var strict = false

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(name: .shortAndLong, help: "Show no progress.")
  var quiet = false

  enum TokenType: String, CaseIterable, ExpressibleByArgument { case float16, bfloat16, float32 }
  /// The seed's `--amp`; single precision is the only one so far.
  enum Precision: String, CaseIterable, ExpressibleByArgument { case none }

  func validate() throws {
    if let workers, workers < 1 { throw ValidationError("--num-workers must be at least 1, not \(workers).") }
    guard (1...CacheManifest.maximumShardSize).contains(shardSize) else {
      throw ValidationError("--shard-size must be 1 to \(CacheManifest.maximumShardSize), not \(shardSize).")
    }
  }

  func run() throws {
    Interruption.listen()
    let dataset = try ImageDataset(path: dataPath, split: split)
    let checkpoint = try CheckpointLoader.load(preprocessingOptions.request(encoderOptions))
    for line in checkpoint.report.lines where !quiet {
      StandardError.write("\(checkpoint.fileName): \(line)\n")
    }
    let plan = try ExtractionPlan(
      dataset: dataset, split: split, checkpoint: checkpoint,
      preprocessing: try preprocessingOptions.preprocessing(for: checkpoint),
      options: ExtractionOptions(
        tokenType: ElementType(rawValue: tokenDtype.rawValue)!, shardSize: shardSize, isStrict: strict),
      programVersion: Program.version)
    let extraction = try Extraction(
      plan, folder: outputPath, parallel: workers.map { Parallel(threadCount: $0) } ?? Parallel())
    let monitor = ExtractionMonitor(extraction, style: quiet ? .quiet : .automatic)
    let outcome = try extraction.run(
      onEvent: monitor.receive, shouldStop: { Interruption.isRequested })
    monitor.close()
    switch outcome {
    case .finished(let manifest): print(try ExtractionResult(manifest, monitor, outputPath).text(json: json))
    case .interrupted(let count):
      throw InterruptedError(
        "stopped after \(count) of \(plan.rows.count) images, which are kept in \(outputPath); "
          + "run the same command again to go on")
    }
  }
}
