import ArgumentParser
import Compute
import Extraction
import Images
import TokenStore

extension BlockSelection: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}

/// What is kept of each image, and where.
struct StorageOptions: ParsableArguments {
  @Option(
    name: [.customLong("output-dir"), .short], help: ArgumentHelp("Cache to write.", valueName: "cache"))
  var outputPath: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Blocks whose outputs are stored: numbers from 0, or from -1 back from the last; ranges such as 8-11 or -4..-1; all. By default the last.",
      valueName: "list"))
  var blocks: BlockSelection?

  @Option(help: "Type that tokens are stored in; by default float16.")
  var tokenDtype: TokenType?

  @Flag(help: "Store no tokens, only statistics and rows of attention.")
  var statsOnly = false

  @Option(help: "Rows of one shard: images, or their views.")
  var shardSize = 4096

  enum TokenType: String, CaseIterable, ExpressibleByArgument { case float16, bfloat16, float32, int8 }

  func validate() throws {
    guard (1...CacheManifest.maximumShardSize).contains(shardSize) else {
      throw ValidationError("--shard-size must be 1 to \(CacheManifest.maximumShardSize), not \(shardSize).")
    }
    guard !statsOnly || (blocks == nil && tokenDtype == nil) else {
      throw ValidationError("--stats-only stores no tokens: it excludes --blocks and --token-dtype.")
    }
  }

  func extractionOptions(isStrict: Bool, augmentation: Augmentation) -> ExtractionOptions {
    ExtractionOptions(
      blocks: statsOnly ? .none : blocks ?? .last,
      tokenType: ElementType(rawValue: (tokenDtype ?? .float16).rawValue)!, shardSize: shardSize,
      isStrict: isStrict, augmentation: augmentation)
  }
}
