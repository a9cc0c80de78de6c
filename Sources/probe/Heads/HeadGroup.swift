import Compute

/// Heads that learn or predict side by side from the same batches: an image's tokens are read from memory once forward and
/// once backward, and once before where a head surveys them (see ``Pooling``), however many heads there are.
///
/// What becomes of a head does not depend on the others, nor on the number of threads, by a single bit. Not safe for use
/// by two callers at once.
public final class HeadGroup: Sendable {
  /// What all heads together may take to keep activations of a batch from the visits forward to those back.
  private static let activationByteCount = 512 << 20

  public let heads: [Head]
  public let parallel: Parallel
  /// One for each way to multiply that heads have.
  private let attentions: [QueryAttention]
  private let images: PerWorker<ImageTokens>

  /// - Parameters:
  ///   - layout: of the tokens that all heads are for.
  ///   - norm: what tokens go through before heads see them; nil for nothing.
  public init(_ heads: [Head], layout: TokenLayout, norm: TokenNorm? = nil, _ parallel: Parallel) {
    precondition(!heads.isEmpty, "a group has at least one head")
    self.heads = heads
    self.parallel = parallel
    attentions = MatrixProducts.allCases.compactMap { products in
      let poolings = heads.filter { $0.products == products }.compactMap { $0.pooling as? any QueryPooling }
      return poolings.isEmpty ? nil : QueryAttention(poolings, layout: layout, products)
    }
    images = PerWorker(parallel) { ImageTokens(layout: layout, norm: norm) }
    for head in heads { head.pooling.keepActivations(byteCount: Self.activationByteCount / heads.count) }
  }

  /// One forward and backward pass in training mode; gradients are added to those that are there.
  ///
  /// - Parameters:
  ///   - labels: [B], each below every head's number of classes.
  ///   - lossScale: what the loss is multiplied by before its gradient is taken: 1 / the number of accumulated batches.
  /// - Returns: one outcome a head.
  public func accumulateGradients(
    _ batch: Batch, labels: [Int32], lossScale: Float = 1
  ) throws -> [BatchOutcome] {
    try accumulateGradients(batch, targets: .classes(labels), lossScale: lossScale)
  }

  /// The same of images that may have several labels.
  public func accumulateGradients(
    _ batch: Batch, targets: BatchTargets, lossScale: Float = 1
  ) throws -> [BatchOutcome] {
    precondition(targets.count == batch.count, "labels of \(targets.count) images for \(batch.count)")
    try visitForward(batch, training: true)
    let outcomes = try mapHeads { _, head, parallel in
      try head.learn(targets, lossScale: lossScale, parallel)
    }
    guard heads.contains(where: \.hasTrainedPooling) else { return outcomes }
    try visitBackward(batch)
    return outcomes
  }

  /// The class scores in evaluation mode.
  ///
  /// - Parameter onLogits: sees each head's number and its scores, [B, C].
  public func predict(
    _ batch: Batch, onLogits: (_ head: Int, _ logits: UnsafeBufferPointer<Float>) throws -> Void
  ) throws {
    try visitForward(batch, training: false)
    _ = try mapHeads { _, head, parallel in try head.classify(count: batch.count, parallel) }
    for (index, head) in heads.enumerated() {
      try onLogits(
        index, UnsafeBufferPointer(rebasing: head.logits.buffer.prefix(batch.count * head.classCount)))
    }
  }

  // MARK: - Visits

  private func visitForward(_ batch: Batch, training: Bool) throws {
    for head in heads {
      precondition(
        batch.count <= head.batchSize, "a batch of \(batch.count) is larger than \(head.batchSize)")
    }
    let surveying = heads.filter { $0.pooling.surveys(training: training) }
    if !surveying.isEmpty {
      try visit(batch) { image, index, group in
        for head in surveying { head.pooling.survey(image, index: index, group: group) }
      }
    }
    _ = try mapHeads { _, head, parallel in
      try head.pooling.beginForward(count: batch.count, training: training, parallel)
    }
    for attention in attentions { attention.beginForward() }
    try visit(batch) { image, index, _ in
      for attention in attentions { attention.forward(image, index: index) }
      for head in heads {
        try head.pooling.forward(
          image, index: index, into: head.features.pointer + index * head.pooling.outputWidth)
      }
    }
  }

  private func visitBackward(_ batch: Batch) throws {
    for attention in attentions { attention.beginBackward() }
    let trained = heads.filter(\.hasTrainedPooling)
    try visit(batch) { image, index, group in
      for attention in attentions { attention.backward(image, index: index, group: group) }
      for head in trained {
        try head.pooling.backward(
          image, index: index, group: group,
          gradient: head.featureGradient.pointer + index * head.pooling.outputWidth)
      }
    }
    let groupCount = ImageGroups(imageCount: batch.count).count
    for attention in attentions { try attention.finishBackward(groupCount: groupCount, parallel) }
    _ = try mapHeads { _, head, parallel in
      guard head.hasTrainedPooling else { return }
      try head.pooling.finishBackward(count: batch.count, groupCount: groupCount, parallel)
    }
  }

  private func visit(
    _ batch: Batch, _ body: @Sendable (_ image: ImageTokens, _ index: Int, _ group: Int) throws -> Void
  ) throws {
    let groups = ImageGroups(imageCount: batch.count)
    let images = images
    try parallel.forEach(groups.count) { group, worker in
      let image = try images.value(worker)
      let range = groups[group]
      var tokens = batch.source.tokens(row: batch.rows[range.lowerBound])
      for index in range {
        let next = index + 1 < range.upperBound ? batch.source.tokens(row: batch.rows[index + 1]) : nil
        image.show(tokens, before: next, isFirstOfGroup: index == range.lowerBound)
        if let next { tokens = next }
        try body(image, index, group)
      }
    }
  }

  /// Where there are many heads, each is worked on by one thread; a few are worked on one after the other by all.
  package func mapHeads<Result: Sendable>(
    _ body: @Sendable (_ index: Int, _ head: Head, _ parallel: Parallel) throws -> Result
  ) throws -> [Result] {
    guard heads.count >= 2 * parallel.threadCount, parallel.threadCount > 1 else {
      return try heads.enumerated().map { try body($0, $1, parallel) }
    }
    let (heads, single) = (heads, Parallel(threadCount: 1))
    return try parallel.map(heads.count) { index in try body(index, heads[index], single) }
  }
}
