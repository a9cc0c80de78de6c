import Compute
import Synchronization

/// Some images of a source: what one step of training or evaluation works on.
public struct Batch: Sendable {
  public let source: any TokenSource
  /// Rows of the source, in batch order.
  public let rows: [Int]

  public init(_ source: any TokenSource, rows: [Int]) {
    self.source = source
    self.rows = rows
  }

  /// B
  public var count: Int { rows.count }
}

/// From an image's tokens to one feature vector.
///
/// In phases, so that many heads learn from one look at an image's tokens: whatever needs tokens is done in a visit of
/// the image, in which every head has its turn while the tokens are in the processor's cache; everything else between
/// visits, for the whole batch. Where features depend on what only a look at all tokens tells, images are surveyed first:
/// by SimPool, CLIP and CBAM always, by AIM and DOLG for their batch norms in training. A step of training is
///
///     [survey, every image]  beginForward  [forward, every image]  finishForward
///     beginBackward  [backward, every image]  finishBackward
///
/// Visits run on many threads: one writes only what belongs to its image, or to its group of images. Groups depend on the
/// batch's size alone, each is visited in order by one thread, and partial sums of groups are added in their order.
package protocol Pooling: Sendable {
  /// W, the length of a feature vector.
  var outputWidth: Int { get }
  /// What is trained; empty where the features can be computed once and for all.
  var parameters: [Parameter] { get }
  /// What belongs to the state dictionary without being trained.
  var constants: [Parameter] { get }
  /// Batch norms inside of the pooling, by their names in the state dictionary.
  var batchNorms: [String: BatchNorm] { get }

  /// Says how much memory the pooling may take for what it would otherwise compute again backward; none until then. What
  /// it computes does not depend on it.
  func keepActivations(byteCount: Int)

  /// Whether images are visited once more in training or evaluation, before the other visits.
  func surveys(training: Bool) -> Bool
  func survey(_ image: ImageTokens, index: Int, group: Int)

  /// - Parameter training: whether `backward` may follow.
  func beginForward(count: Int, training: Bool, _ parallel: Parallel) throws
  /// - Parameter features: the image's feature vector, [W].
  func forward(_ image: ImageTokens, index: Int, into features: UnsafeMutablePointer<Float>) throws
  /// - Parameter features: [B, W]
  func finishForward(count: Int, into features: SharedBuffer<Float>, _ parallel: Parallel) throws
  /// What an image's tokens weighed in its features, until the next batch comes; nil where features are not made of
  /// weighted tokens.
  func weights(index: Int) -> TokenWeights?

  /// - Parameter gradient: [B, W], of the loss with respect to the features.
  func beginBackward(count: Int, gradient: SharedBuffer<Float>, _ parallel: Parallel) throws
  /// - Parameter gradient: the image's, [W].
  func backward(_ image: ImageTokens, index: Int, group: Int, gradient: UnsafePointer<Float>) throws
  /// Adds to the parameters' gradients.
  ///
  /// - Parameter groupCount: the groups that were visited, from 0.
  func finishBackward(count: Int, groupCount: Int, _ parallel: Parallel) throws
}

extension Pooling {
  package var constants: [Parameter] { [] }
  package var batchNorms: [String: BatchNorm] { [:] }
  package func keepActivations(byteCount: Int) {}
  package func surveys(training: Bool) -> Bool { false }
  package func survey(_ image: ImageTokens, index: Int, group: Int) {}
  package func beginForward(count: Int, training: Bool, _ parallel: Parallel) throws {}
  package func forward(_ image: ImageTokens, index: Int, into features: UnsafeMutablePointer<Float>) throws {}
  package func finishForward(count: Int, into features: SharedBuffer<Float>, _ parallel: Parallel) throws {}
  package func weights(index: Int) -> TokenWeights? { nil }
  package func beginBackward(count: Int, gradient: SharedBuffer<Float>, _ parallel: Parallel) throws {}
  package func backward(
    _ image: ImageTokens, index: Int, group: Int, gradient: UnsafePointer<Float>
  ) throws {}
  package func finishBackward(count: Int, groupCount: Int, _ parallel: Parallel) throws {}
}

/// The groups of a batch's images: what one thread visits in order, and what has partial sums of its own.
package struct ImageGroups {
  /// The most groups: what partial sums are made for.
  package static let limit = 32

  private let imageCount: Int
  package let count: Int

  package init(imageCount: Int) {
    self.imageCount = imageCount
    count = min(Self.limit, imageCount)
  }

  package subscript(group: Int) -> Range<Int> {
    group * imageCount / count..<(group + 1) * imageCount / count
  }
}

/// Sums that every group of images adds to, and their total. A group takes memory when it first adds something, so that
/// what is only measured takes none.
package final class GroupSums: Sendable {
  package let count: Int
  /// [groups], each [count]; the first group's part becomes the total.
  private let parts = Mutex([SharedBuffer<Float>?](repeating: nil, count: ImageGroups.limit))

  /// - Parameter count: the number of sums.
  package init(count: Int) { self.count = count }

  private func part(_ group: Int) -> SharedBuffer<Float> {
    parts.withLock { parts in
      if let part = parts[group] { return part }
      let part = SharedBuffer<Float>(count: count)
      parts[group] = part
      return part
    }
  }

  /// To be called before a group's first image adds anything.
  package func clear(_ group: Int) { part(group).fill(0) }

  package func partial(_ group: Int) -> UnsafeMutablePointer<Float> { part(group).pointer }

  /// What `total` made last, [count].
  package var sum: SharedBuffer<Float> { part(0) }

  /// Adds up the parts in the groups' order.
  package func total(groupCount: Int, _ parallel: Parallel) throws -> SharedBuffer<Float> {
    let parts = (0..<max(1, groupCount)).map(part)
    try parallel.forEachChunk(of: count, length: 4096) { _, range, _ in
      let sum = parts[0].pointer
      for part in parts.dropFirst() {
        for index in range { sum[index] += part.pointer[index] }
      }
    }
    return parts[0]
  }
}
