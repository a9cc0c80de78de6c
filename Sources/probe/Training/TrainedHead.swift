import Compute
import Files
import Heads
import Tensors
import TokenStore

/// The head of a finished run, ready to be used on caches of the same encoder.
public struct TrainedHead {
  public let summary: RunSummary
  public let group: HeadGroup
  public var head: Head { group.heads[0] }

  /// - Throws: where the run is not finished or its files are damaged.
  public init(_ folder: RunFolder, parallel: Parallel) throws {
    summary = try folder.readSummary()
    let state = try Safetensors.read(folder.headFile).tensors
    try Self.check(state, summary, file: folder.headFile)
    var generator = SeededGenerator(seed: 0)
    // The batch size of training: then products are split as they were there, and every bit of the metrics is the same.
    let batchSize = summary.configuration.batchSize
    let description = summary.configuration.head
    let layout =
      FixedFeature.isComputedOnce(description.features)
      ? TokenLayout.vector(width: try description.featureWidth(summary.layout.tokens)) : summary.layout.tokens
    let pooling: any Pooling =
      FixedFeature.isComputedOnce(description.features)
      ? FlattenedTokens(layout) : try description.makePooling(layout, batchSize: batchSize, &generator)
    let head = Head(
      summary.configuration.head, pooling: pooling, classCount: summary.layout.classNames.count,
      batchSize: batchSize, &generator)
    try head.load(state, file: folder.headFile)
    group = HeadGroup([head], layout: layout, parallel)
  }

  /// What the head looks at: the tokens, or the features that are computed from them once and for all.
  ///
  /// - Parameter folder: on a disk with room for the features.
  public func prepare(_ tokens: LabelledTokens, folder: String) throws -> LabelledTokens {
    let features = summary.configuration.head.features
    return FixedFeature.isComputedOnce(features)
      ? try tokens.pooled(features, group.parallel, folder: folder) : tokens
  }

  /// That the tensors have the sizes that the summary tells, before memory is taken for them.
  private static func check(_ state: [String: Tensor], _ summary: RunSummary, file: String) throws(InputError)
  {
    let width = summary.layout.tokens.width
    let description = summary.configuration.head
    let classifier = description.features.isAttentive ? "2.weight" : "1.weight"
    var expected = [
      classifier: [summary.layout.classNames.count, try description.featureWidth(summary.layout.tokens)]
    ]
    if let abmilp = description.abmilp {
      for layer in 0..<abmilp.depth {
        expected["0.attention_predictor.\(2 * layer).weight"] = [layer < abmilp.depth - 1 ? width : 1, width]
      }
    }
    for (name, shape) in expected.sorted(by: { $0.key < $1.key }) where state[name]?.shape != shape {
      throw InputError(
        file,
        "\(name) is \(state[name].map { "\($0.shape)" } ?? "missing"), where the run's summary has \(shape)",
        remedy: "train the head again")
    }
  }

  /// - Throws: where the cache was made by another encoder or from otherwise prepared images, or its classes are
  ///   others.
  public func check(_ cache: TokenCache) throws(InputError) {
    try CacheCompatibility(summary).check(cache, with: "the head")
  }
}
