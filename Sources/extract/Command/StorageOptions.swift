import ArgumentParser
import Compute
import Extraction
import TokenStore

/// What is kept of each image, and where.
struct StorageOptions: ParsableArguments {
  @Option(
    name: [.customLong("output-dir"), .short], help: ArgumentHelp("Cache to write.", valueName: "cache"))
  var outputPath: String

  @Option(help: "Type that tokens are stored in.")
  var tokenDtype: TokenType = .float16

  @Option(help: "Images of one shard.")
  var shardSize = 4096

  enum TokenType: String, CaseIterable, ExpressibleByArgument { case float16, bfloat16, float32 }

  func validate() throws {
    guard (1...CacheManifest.maximumShardSize).contains(shardSize) else {
      throw ValidationError("--shard-size must be 1 to \(CacheManifest.maximumShardSize), not \(shardSize).")
    }
  }

  func extractionOptions(isStrict: Bool) -> ExtractionOptions {
    ExtractionOptions(
      tokenType: ElementType(rawValue: tokenDtype.rawValue)!, shardSize: shardSize, isStrict: isStrict)
  }
}
