import Compute
import Evaluation
import Files
import Heads
import Reading
import Tensors

/// The head of a finished run, ready to be used on caches of the same encoder.
public struct TrainedHead {
  public let summary: RunSummary
  public let head: Head
  /// Of what the head looks at: tokens, or features that are computed from them once and for all.
  private let layout: TokenLayout
  private let parallel: Parallel

  /// W
  public var featureWidth: Int { head.featureWidth }

  /// - Parameter products: how the head multiplies; nil for as it did in training.
  /// - Throws: where the run is not finished or its files are damaged.
  public init(_ folder: RunFolder, products: MatrixProducts? = nil, parallel: Parallel) throws {
    summary = try folder.readSummary()
    let state = try Safetensors.read(folder.headFile).tensors
    try Self.check(state, summary, file: folder.headFile)
    var generator = SeededGenerator(seed: 0)
    let description = summary.configuration.head
    let products = products ?? summary.configuration.products
    let featureWidth = try description.featureWidth(summary.layout)
    // Products are cut as they were in training, so that every bit of the metrics is the same.
    let batchSize = try description.measuringBatchSize(
      trainedWith: summary.configuration.batchSize, layout: summary.layout.tokens, featureWidth: featureWidth,
      classCount: summary.layout.classNames.count, threadCount: parallel.threadCount,
      file: folder.summaryFile)
    layout =
      FixedFeature.isComputedOnce(description.features)
      ? TokenLayout.vector(width: featureWidth) : summary.layout.tokens
    let pooling: any Pooling =
      FixedFeature.isComputedOnce(description.features)
      ? FlattenedTokens(layout)
      : try description.makePooling(layout, batchSize: batchSize, products: products, &generator)
    head = Head(
      summary.configuration.head, pooling: pooling, classCount: summary.layout.classNames.count,
      batchSize: batchSize, products: products, &generator)
    try head.load(state, file: folder.headFile)
    self.parallel = parallel
  }

  /// What a head says of some images.
  public struct Measurement {
    public var metrics: Metrics
    /// [C]
    public var classes: [ClassScore]
    /// How far confidences are right; nil where images have several labels.
    public var calibration: CalibrationError?
    /// Nil where nobody asked for it.
    public var confusion: ConfusionMatrix?

    package init(
      metrics: Metrics, classes: [ClassScore], calibration: CalibrationError? = nil,
      confusion: ConfusionMatrix? = nil
    ) {
      self.metrics = metrics
      self.classes = classes
      self.calibration = calibration
      self.confusion = confusion
    }
  }

  /// Measures the head.
  ///
  /// - Parameters:
  ///   - tokens: as ``data(paths:labelFile:reading:)`` gives them.
  ///   - attention: caches of another encoder, of the same images, for a head that needs its attention.
  ///   - other: caches of the second encoder, of the same images, for a head that learned from two.
  ///   - folder: on a disk with room for features that are computed once, and for the scores of several labels.
  ///   - shouldStop: asked every few hundred images while these are computed, and before each batch.
  ///   - onFeatures: told how many images are done, while they are computed.
  ///   - withConfusion: whether the confusion matrix is counted, too, which images of several labels do not have.
  ///   - onBatch: sees which of the images a batch has, their labels and predictions, both empty where images have several
  ///     labels, and the logits `[B, C]`.
  /// - Throws: `CancellationError` where `shouldStop` said so, and what `onBatch` throws.
  public func measure(
    on tokens: LabelledTokens, attentionFrom attention: CacheSet? = nil, beside other: CacheSet? = nil,
    folder: String,
    shouldStop: () -> Bool = { false }, onFeatures: (_ images: Int) -> Void = { _ in },
    withConfusion: Bool = false,
    onBatch: (
      _ images: Range<Int>, _ labels: [Int32], _ predictions: [Prediction],
      _ logits: UnsafeBufferPointer<Float>
    ) throws -> Void = { _, _, _, _ in }
  ) throws -> Measurement {
    let features = summary.configuration.head.features
    if let attention, let expected = summary.configuration.data.attention?.checkpointSHA256,
      attention.encoder.checkpoint.sha256 != expected
    {
      throw InputError(
        attention.name, "holds the attention of another encoder than the one that the head was trained with",
        remedy: "extract it with the same checkpoint")
    }
    let norm = try tokens.norm(summary.configuration.data.tokenNorm ?? .none)
    let isPooled = FixedFeature.isComputedOnce(features)
    let beside = try checkedBeside(other)
    let group = HeadGroup([head], layout: layout, norm: isPooled ? nil : norm, parallel)
    var seen = tokens
    if isPooled {
      guard
        let pooled = try tokens.pooled(
          [features], norm, attentionFrom: attention, beside: beside, parallel, folder: folder,
          shouldStop: shouldStop, onProgress: onFeatures)
      else { throw CancellationError() }
      seen = pooled[0]
    }
    func stopIfAsked() throws { if shouldStop() { throw CancellationError() } }
    if case .several(let labels) = seen.targets {
      let collector = try Evaluator.collect(group, on: seen, labels, scratchFolder: folder) {
        _, images, logits in
        try stopIfAsked()
        try onBatch(images, [], [], logits)
      }[0]
      let (metrics, classes) = try collector.measure(parallel)
      return Measurement(metrics: metrics, classes: classes)
    }
    let collector = try Evaluator.collect(group, on: seen, withConfusion: withConfusion) {
      try stopIfAsked()
      try onBatch($1, $2, $3, $4)
    }[0]
    return Measurement(
      metrics: collector.metrics, classes: collector.classScores, calibration: collector.calibration,
      confusion: collector.confusion)
  }

  /// - Throws: where caches are given that the head did not learn from the like of, or the other way round.
  private func checkedBeside(_ caches: CacheSet?) throws(InputError) -> Beside? {
    guard let expected = summary.layout.beside else {
      guard caches == nil else {
        throw InputError("--beside", "is for heads of two encoders, and this one learned from one")
      }
      return nil
    }
    guard let caches else {
      throw InputError(
        "the head", "learned from the features of two encoders side by side",
        remedy: "give the second's cache of the same images by --beside")
    }
    try CacheCompatibility(
      encoder: expected.encoder, checkpointSHA256: expected.encoder.checkpoint.sha256, layout: expected.tokens
    ).check(caches, with: "the head")
    let norm = try caches.norm(summary.configuration.data.tokenNorm ?? .none)
    return Beside(caches: caches, norm: norm)
  }

  /// That the tensors have the sizes that the summary tells, before memory is taken for them.
  private static func check(_ state: [String: Tensor], _ summary: RunSummary, file: String) throws(InputError)
  {
    let description = summary.configuration.head
    let classifier = description.features.isAttentive ? "2.weight" : "1.weight"
    var expected = [
      classifier: [summary.layout.classNames.count, try description.featureWidth(summary.layout)]
    ]
    for (name, shape) in description.largestParameters(summary.layout.tokens) {
      expected["0." + name] = shape
    }
    for (name, shape) in expected.sorted(by: { $0.key < $1.key }) where state[name]?.shape != shape {
      throw InputError(
        file,
        "\(name) is \(state[name].map { "\($0.shape)" } ?? "missing"), where the run's summary has \(shape)",
        remedy: "train the head again")
    }
  }

  /// The images of caches, to measure the head on.
  ///
  /// - Throws: where the caches were made by another encoder or from otherwise prepared images, or their classes are
  ///   others.
  public func data(_ caches: CacheSet, labelFile: String? = nil) throws(InputError) -> LabelledTokens {
    let classNames = summary.layout.classNames
    try CacheCompatibility(
      encoder: summary.encoderSettings, checkpointSHA256: summary.checkpointSHA256,
      layout: summary.layout.tokens
    ).check(caches, with: "the head")
    let labels: LabelFile? =
      if let labelFile { try LabelFile(labelFile, cacheClasses: classNames, areFixed: true) } else { nil }
    let tokens = try LabelledTokens(measuringOn: caches, labels: labels, classNames: classNames)
    let areSets = summary.configuration.data.labels?.areSets ?? false
    guard tokens.targets.isSingle != areSets else {
      throw InputError(
        labelFile ?? caches.name,
        "gives images \(areSets ? "one label" : "several labels") each, where the head was trained with "
          + (areSets ? "several" : "one"),
        remedy: "give such labels by --label-file")
    }
    return tokens
  }

  /// Caches with the tokens that the head takes.
  ///
  /// - Throws: where a cache does not hold them.
  public func data(
    paths: [String], labelFile: String? = nil, reading: ReadingOptions = ReadingOptions()
  ) throws(InputError) -> LabelledTokens {
    try data(
      CacheSet(paths: paths, block: summary.encoderSettings?.block, options: reading), labelFile: labelFile)
  }

  /// Caches of the second encoder that the head learned from.
  ///
  /// - Throws: where a cache does not hold its tokens.
  public func beside(paths: [String], reading: ReadingOptions) throws(InputError) -> CacheSet {
    try CacheSet(paths: paths, block: summary.layout.beside?.encoder.block, options: reading)
  }
}
