import Compute
import Embedding
import Evaluation
import Heads
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
  public enum Outcome: Sendable {
    case embedding(FeatureEmbedding)
    /// Why there is none, as the end of a sentence.
    case none(String)
  }

  public struct Image: Sendable {
    public let id: String
    public let label: Int
  }

  public let images: [Image]
  /// Whether they have several labels each, of which the first one is told.
  public let areOfSets: Bool
  /// [N, 2], the first two principal components, and the share of the variance that each explains.
  public let components: [Double]
  public let explainedShares: [Double]
  /// [N, 2], t-SNE with a perplexity.
  public let neighbours: [Double]
  public let perplexity: Double
}

/// The features of chosen images, which pass by in batches.
struct ChosenFeatures {
  /// Fewer points show nothing.
  private static let leastCount = 3
  /// 2 GB of features.
  private static let mostNumbers = 512 << 20

  private let places: [Int]
  private let width: Int
  /// Why none are taken.
  private let obstacle: String?
  private let features: SharedBuffer<Float>
  private var count = 0

  /// - Parameter places: of the images among the tokens', ascending.
  init(places: [Int], width: Int) {
    (self.places, self.width) = (places, width)
    let (numbers, isTooMany) = places.count.multipliedReportingOverflow(by: width)
    obstacle =
      if places.count < Self.leastCount {
        "there are \(places.count) images, and fewer than \(Self.leastCount) show nothing"
      } else if isTooMany || numbers > Self.mostNumbers {
        "\(places.count) images of \(width) features are more than \(Self.mostNumbers) numbers"
      } else {
        nil
      }
    features = SharedBuffer(count: obstacle == nil ? numbers : 0)
  }

  /// - Parameter images: of the batch that the head has just predicted.
  mutating func take(_ images: Range<Int>, from head: Head) {
    while obstacle == nil, count < places.count, images.contains(places[count]) {
      let seen = head.normalizedFeatures(index: places[count] - images.lowerBound)
      (features.pointer + count * width).update(from: seen.baseAddress!, count: width)
      count += 1
    }
  }

  func embedding(
    _ tokens: LabelledTokens, _ parallel: Parallel, shouldStop: () -> Bool, onProgress: (Int, Int) -> Void
  ) throws -> FeatureEmbedding.Outcome {
    if let obstacle { return .none(obstacle) }
    let principal = try PrincipalComponents(
      features, count: places.count, width: width, components: 2, parallel)
    let method = TSNE()
    return .embedding(
      FeatureEmbedding(
        images: places.map { place in
          .init(
            id: tokens.caches?.id(row: tokens.rows[place]) ?? "",
            label: EmbeddingSelection.label(place, tokens)!)
        },
        areOfSets: !tokens.targets.isSingle, components: principal.scores,
        explainedShares: principal.explainedShares,
        neighbours: try method.embed(
          features, count: places.count, width: width, parallel, shouldStop: shouldStop,
          onProgress: onProgress),
        perplexity: method.perplexity(pointCount: places.count)))
  }
}
