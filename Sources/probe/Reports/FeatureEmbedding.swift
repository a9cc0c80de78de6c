import Compute
import Embedding
import Evaluation
import Files
import Reading

/// Which images' features are laid out in two dimensions.
public struct EmbeddingSelection: Sendable {
  /// The first classes that have images; nil for all.
  public var classCount: Int?
  /// The first images of each; nil for all.
  public var imagesPerClass: Int?

  /// By default as many as the seed's `main_attention_stats.py` draws.
  public init(classCount: Int? = 10, imagesPerClass: Int? = 25) {
    (self.classCount, self.imagesPerClass) = (classCount, imagesPerClass)
  }

  /// - Returns: places among the images, ascending. Of several labels, an image's first one counts; images without are left
  ///   out.
  package func places(in tokens: LabelledTokens) -> [Int] {
    let labels = (0..<tokens.count).map { Self.label($0, tokens) }
    let classes = Set(labels.compactMap { $0 }).sorted().prefix(classCount ?? .max)
    var left = Dictionary(uniqueKeysWithValues: classes.map { ($0, imagesPerClass ?? .max) })
    return labels.indices.filter { place in
      guard let label = labels[place], let count = left[label], count > 0 else { return false }
      left[label] = count - 1
      return true
    }
  }

  static func label(_ place: Int, _ tokens: LabelledTokens) -> Int? {
    switch tokens.targets {
    case .single(let labels): Int(labels[place])
    case .several(let sets): sets[place].first.map { Int($0) }
    }
  }
}

/// Where images lie in two dimensions by the features that a classifier sees.
public struct FeatureEmbedding: Sendable {
  /// Fewer points show nothing.
  static let leastCount = 3
  /// 2 GB of features.
  static let mostNumbers = 512 << 20

  public struct Image: Sendable {
    public let id: String
    public let label: Int
  }

  public let images: [Image]
  /// [N, 2], the first two principal components, and the share of the variance that each explains.
  public let components: [Double]
  public let explainedShares: [Double]
  /// [N, 2], t-SNE with a perplexity.
  public let neighbours: [Double]
  public let perplexity: Double

  /// - Parameters:
  ///   - features: [places, width]
  ///   - places: of the images among the tokens'.
  init(
    _ features: SharedBuffer<Float>, width: Int, _ tokens: LabelledTokens, _ places: [Int],
    _ parallel: Parallel, shouldStop: () -> Bool, onProgress: (Int, Int) -> Void
  ) throws {
    images = places.map { place in
      Image(
        id: tokens.caches?.id(row: tokens.rows[place]) ?? "", label: EmbeddingSelection.label(place, tokens)!)
    }
    let principal = try PrincipalComponents(
      features, count: places.count, width: width, components: 2, parallel)
    (components, explainedShares) = (principal.scores, principal.explainedShares)
    let method = TSNE()
    perplexity = method.perplexity(pointCount: places.count)
    neighbours = try method.embed(
      features, count: places.count, width: width, parallel, shouldStop: shouldStop, onProgress: onProgress)
  }
}
