import Compute
import Files

/// How the images of an epoch are shuffled.
public enum Shuffle: String, CaseIterable, Codable, Sendable {
  /// Any order of all images is as likely as any other.
  case full
  /// Blocks of 16 images that lie next to each other in a shard, in random order; the images of 256 such blocks, 4096,
  /// are mixed. A disk then reads block after block, and the page cache holds what is mixed.
  case blocks
}

/// Which views an epoch takes, in what order: a function of the seed and the epoch's number alone.
public struct EpochOrder: Sendable {
  /// An epoch's views, as places in the rows of ``LabelledTokens``.
  public struct Epoch: Sendable {
    /// In the order of training.
    public let views: [Int]
    /// The same in the order that a disk is asked for them.
    public let asked: [Int]
    /// By how many views what is asked for must be ahead of what is used, as the two orders differ.
    public let lead: Int
  }

  static let blockLength = 16
  static let windowBlockCount = 256

  private let tokens: LabelledTokens
  private let shuffle: Shuffle
  private let usesAllViews: Bool
  private let seed: UInt64
  /// The images of each class that has any; nil where classes are not to be balanced.
  private let classes: [[UInt32]]?

  /// The streams of the seed, of which 0 draws the initial weights and the next ones the order of each epoch.
  private enum Stream {
    static func order(_ epoch: Int) -> UInt64 { UInt64(epoch) + 1 }
    static func classes(_ epoch: Int) -> UInt64 { 1 << 61 + UInt64(epoch) }
    static func views(_ cycle: Int) -> UInt64 { 1 << 62 + UInt64(cycle) }
  }

  /// - Parameters:
  ///   - usesAllViews: whether each view is an image of its own; else an epoch takes one view of each image, and as many
  ///     epochs as an image has views take all of them.
  ///   - isBalanced: whether every class comes equally often, give or take one image: an epoch has as many images as
  ///     there are, each class an equal share of them. A class with fewer images than that has all of them repeated, and
  ///     some, drawn for each epoch, once more; of a class with more, those that an epoch has are drawn anew for each.
  /// - Throws: where classes are to be balanced of images that have several.
  public init(
    _ tokens: LabelledTokens, shuffle: Shuffle = .full, usesAllViews: Bool = false,
    isBalanced: Bool = false, seed: UInt64
  ) throws(InputError) {
    self.tokens = tokens
    self.shuffle = shuffle
    self.usesAllViews = usesAllViews
    self.seed = seed
    guard isBalanced else {
      classes = nil
      return
    }
    guard case .single(let labels) = tokens.targets else {
      throw InputError("--balanced", "cannot balance classes where images have several labels each")
    }
    var classes: [[UInt32]] = []
    for image in 0..<tokens.imageCount {
      let views = tokens.views(ofImage: image)
      let label = Int(labels[views.lowerBound])
      if label >= classes.count { classes += Array(repeating: [], count: label + 1 - classes.count) }
      // With all views, what is drawn are views.
      for view in usesAllViews ? views : image..<image + 1 { classes[label].append(UInt32(view)) }
    }
    self.classes = classes.filter { !$0.isEmpty }
  }

  /// The views of an epoch.
  public var count: Int { usesAllViews ? tokens.count : tokens.imageCount }

  /// - Parameter number: from 0.
  public func epoch(_ number: Int) -> Epoch {
    let drawn = drawn(number)
    let views = usesAllViews || count == tokens.count ? drawn : chosenViews(of: drawn, number)
    var generator = SeededGenerator(seed: seed, stream: Stream.order(number))
    switch shuffle {
    case .full:
      let order = generator.permutation(views.count).map { views[$0] }
      return Epoch(views: order, asked: order, lead: 0)
    case .blocks:
      return inBlocks(views, &generator)
    }
  }

  /// - Returns: the images, or with all views the views, that an epoch takes; ascending.
  private func drawn(_ number: Int) -> [Int] {
    guard let classes else { return Array(0..<count) }
    var generator = SeededGenerator(seed: seed, stream: Stream.classes(number))
    var shares = [Int](repeating: count / classes.count, count: classes.count)
    for index in generator.permutation(classes.count).prefix(count % classes.count) { shares[index] += 1 }
    var drawn: [Int] = []
    for (images, share) in zip(classes, shares) {
      for image in images {
        drawn += repeatElement(Int(image), count: share / images.count)
      }
      for place in generator.permutation(images.count).prefix(share % images.count) {
        drawn.append(Int(images[place]))
      }
    }
    return drawn.sorted()
  }

  /// One view of each image. Each image has a random order of its views, another in each round through all of them.
  ///
  /// - Parameter images: ascending, with repetitions, which take the same view.
  private func chosenViews(of images: [Int], _ number: Int) -> [Int] {
    // One stream of a round for all images: a generator of its own for each would take longer than to read it.
    var generators: [Int: SeededGenerator] = [:]
    let chosen = (0..<tokens.imageCount).map { image in
      let views = tokens.views(ofImage: image)
      guard views.count > 1 else { return UInt32(views.lowerBound) }
      let round = number / views.count
      let order = generators[round, default: SeededGenerator(seed: seed, stream: Stream.views(round))]
        .permutation(views.count)
      return UInt32(views.lowerBound + order[number % views.count])
    }
    return images.map { Int(chosen[$0]) }
  }

  private func inBlocks(_ views: [Int], _ generator: inout SeededGenerator) -> Epoch {
    let starts = blockStarts(views)
    let blocks = generator.permutation(starts.count)
    var (order, asked): ([Int], [Int]) = ([], [])
    order.reserveCapacity(views.count)
    asked.reserveCapacity(views.count)
    for start in stride(from: 0, to: blocks.count, by: Self.windowBlockCount) {
      var window: [Int] = []
      for block in blocks[start..<min(blocks.count, start + Self.windowBlockCount)].sorted() {
        window += views[starts[block]..<(block + 1 < starts.count ? starts[block + 1] : views.count)]
      }
      asked += window
      order += generator.permutation(window.count).map { window[$0] }
    }
    return Epoch(views: order, asked: asked, lead: Self.blockLength * Self.windowBlockCount)
  }

  /// Where blocks begin among the views, which are ascending.
  private func blockStarts(_ views: [Int]) -> [Int] {
    var starts: [Int] = []
    var shard = -1
    for (place, view) in views.enumerated() {
      let own = tokens.caches?.shardNumber(row: tokens.rows[view]) ?? 0
      if own != shard || place - starts[starts.count - 1] == Self.blockLength { starts.append(place) }
      shard = own
    }
    return starts
  }
}
