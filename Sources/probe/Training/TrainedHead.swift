import Compute
import Files
import Heads
import Tensors
import TokenStore

/// The head of a finished run, ready to be used on caches of the same encoder.
public struct TrainedHead {
  public let summary: RunSummary
  public let head: Head

  /// - Throws: where the run is not finished or its files are damaged.
  public init(_ folder: RunFolder, batchSize: Int = 256, parallel: Parallel) throws {
    summary = try folder.readSummary()
    var generator = SeededGenerator(seed: 0)
    let pooling = try summary.configuration.head.makePooling(
      summary.layout.tokens, batchSize: batchSize, &generator)
    head = Head(
      summary.configuration.head, pooling: pooling, classCount: summary.layout.classNames.count,
      batchSize: batchSize, parallel, &generator)
    try head.load(try Safetensors.read(folder.headFile).tensors, file: folder.headFile)
  }

  /// - Throws: where the cache was made by another encoder, or its classes are others.
  public func check(_ cache: TokenCache) throws(InputError) {
    let configuration = cache.configuration
    var differences: [String] = []
    if configuration.checkpoint.sha256 != summary.checkpointSHA256 {
      differences.append(
        "its checkpoint is \(configuration.checkpoint.sha256.prefix(12)), the head's \(summary.checkpointSHA256.prefix(12))"
      )
    }
    if TokenLayout(cache) != summary.layout.tokens {
      differences.append(
        "its tokens are laid out as \(TokenLayout(cache)), the head's as \(summary.layout.tokens)")
    }
    if configuration.dataset.classNames != summary.layout.classNames {
      differences.append("its classes are others")
    }
    guard differences.isEmpty else {
      throw InputError(
        cache.path, "does not go with the head: \(differences.joined(separator: "; "))",
        remedy: "use a cache extracted with the head's encoder, from images of the same classes")
    }
  }
}
