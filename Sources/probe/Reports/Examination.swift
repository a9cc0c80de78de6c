import Compute
import Evaluation
import Files
import Reading
import Training

/// What a trained head makes of the validation images, image by image.
public struct Examination: Sendable {
  public let classNames: [String]
  public let imageCount: Int
  public let metrics: Metrics
  /// [C]
  public let classes: [ClassScore]
  /// Both nil where images have several labels.
  public let calibration: CalibrationError?
  /// [C, C]: images of the row's class that were taken for the column's.
  public let confusion: [Int]?
  /// Nil where there are too few images or too many numbers.
  public let embedding: FeatureEmbedding?

  package init(
    classNames: [String], imageCount: Int, metrics: Metrics, classes: [ClassScore],
    calibration: CalibrationError?, confusion: [Int]?, embedding: FeatureEmbedding?
  ) {
    self.classNames = classNames
    self.imageCount = imageCount
    self.metrics = metrics
    self.classes = classes
    self.calibration = calibration
    self.confusion = confusion
    self.embedding = embedding
  }
}

/// Looks at the heads of finished runs again, with the validation images that they were measured on.
public struct Examiner {
  /// Told of the work.
  public struct Observer {
    /// How many images are done of how many.
    public var onImages: (_ images: Int, _ total: Int) -> Void = { _, _ in }
    /// How many iterations are done of how many.
    public var onEmbedding: (_ iterations: Int, _ total: Int) -> Void = { _, _ in }
    public var shouldStop: () -> Bool = { false }

    public init() {}
  }

  /// Caches to measure on in the place of those that the runs name; of several encoders, each head takes its own.
  public var caches: [String]
  public var selection: EmbeddingSelection
  public var parallel: Parallel
  /// On a disk with room for features that are computed once.
  public var scratchFolder: String

  public init(
    caches: [String], selection: EmbeddingSelection, parallel: Parallel,
    scratchFolder: String = ScratchFile.defaultFolder
  ) {
    (self.caches, self.selection, self.parallel) = (caches, selection, parallel)
    self.scratchFolder = scratchFolder
  }

  /// - Throws: where the run's files or its caches are not what they were; `CancellationError` where the observer said so.
  public func examine(_ run: ReportedRun, _ observer: Observer) throws -> Examination {
    let trained = try TrainedHead(RunFolder(run.path), parallel: parallel)
    let tokens = try validationImages(trained)
    let companions = try companions(trained)
    let places = selection.places(in: tokens)
    let width = trained.featureWidth
    let fits = places.count.multipliedReportingOverflow(by: width)
    let isEmbedded =
      places.count >= FeatureEmbedding.leastCount && !fits.overflow
      && fits.partialValue <= FeatureEmbedding.mostNumbers
    let features = SharedBuffer<Float>(count: isEmbedded ? places.count * width : 0)
    var next = 0
    let measured = try trained.measure(
      on: tokens, attentionFrom: companions.attention, beside: companions.beside, folder: scratchFolder,
      shouldStop: observer.shouldStop, withConfusion: tokens.targets.isSingle,
      onBatch: { images, _, _, _ in
        while isEmbedded, next < places.count, images.contains(places[next]) {
          let seen = trained.head.normalizedFeatures(index: places[next] - images.lowerBound)
          (features.pointer + next * width).update(from: seen.baseAddress!, count: width)
          next += 1
        }
        observer.onImages(images.upperBound, tokens.count)
      })
    let embedding =
      isEmbedded
      ? try FeatureEmbedding(
        features, width: width, tokens, places, parallel, shouldStop: observer.shouldStop,
        onProgress: observer.onEmbedding) : nil
    return Examination(
      classNames: trained.summary.layout.classNames, imageCount: tokens.count, metrics: measured.metrics,
      classes: measured.classes, calibration: measured.calibration, confusion: measured.confusion,
      embedding: embedding)
  }

  private func validationImages(_ trained: TrainedHead) throws(InputError) -> LabelledTokens {
    let recorded = trained.summary.validation
    let own = try matching(trained)
    let paths = own.isEmpty ? recorded.paths : own
    let tokens = try trained.data(paths: paths, labelFile: recorded.labelFile)
    if own.isEmpty, let caches = tokens.caches, try caches.identity() != recorded.manifestSHA256 {
      throw InputError(
        caches.name, "is not the cache any more that the head was measured on",
        remedy: "name the one to measure on by --data")
    }
    return tokens
  }

  /// Those of the given caches that the head's encoder made.
  private func matching(_ trained: TrainedHead) throws(InputError) -> [String] {
    var own: [String] = []
    for path in caches
    where try CacheSet(paths: [path]).encoder.checkpoint.sha256 == trained.summary.checkpointSHA256 {
      own.append(path)
    }
    return own
  }

  private func companions(_ trained: TrainedHead) throws(InputError) -> CompanionCaches {
    let recorded = trained.summary.validation
    var companions = CompanionCaches()
    if let paths = recorded.attentionCaches {
      companions.attention = try CacheSet(attentionPaths: paths, options: ReadingOptions())
    }
    if let paths = recorded.besideCaches {
      companions.beside = try trained.beside(paths: paths, reading: ReadingOptions())
    }
    return companions
  }
}
