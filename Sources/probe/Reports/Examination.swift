import Compute
import Evaluation
import Files
import Reading
import TokenStore
import Training

/// What a trained head makes of images, one by one.
public struct Examination: Sendable {
  /// Where the images are, and how many.
  public let cacheName: String
  public let imageCount: Int
  /// Whether these are the images that the run was measured on.
  public let areItsImages: Bool
  public let classNames: [String]
  public let metrics: Metrics
  /// [C]
  public let classes: [ClassScore]
  /// Both nil where images have several labels.
  public let calibration: CalibrationError?
  public let confusion: ConfusionMatrix?
  public let embedding: FeatureEmbedding.Outcome

  package init(
    cacheName: String, imageCount: Int, areItsImages: Bool, classNames: [String],
    _ measurement: TrainedHead.Measurement, embedding: FeatureEmbedding.Outcome
  ) {
    self.cacheName = cacheName
    self.imageCount = imageCount
    self.areItsImages = areItsImages
    self.classNames = classNames
    metrics = measurement.metrics
    classes = measurement.classes
    calibration = measurement.calibration
    confusion = measurement.confusion
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

  /// In the place of those that runs name; each head takes those of its encoders.
  private let caches: [TokenCache]
  private let selection: EmbeddingSelection
  private let parallel: Parallel
  private let scratchFolder: String

  /// - Parameters:
  ///   - caches: to look at in the place of those that the runs name; empty for these.
  ///   - runs: whose heads will be looked at.
  ///   - scratchFolder: on a disk with room for features that are computed once.
  /// - Throws: where one of the caches is none, or of no encoder of the runs.
  public init(
    caches paths: [String], runs: [ReportedRun], selection: EmbeddingSelection, parallel: Parallel,
    scratchFolder: String = ScratchFile.defaultFolder
  ) throws(InputError) {
    caches = try paths.map { path throws(InputError) in try TokenCache(path) }
    let encoders = Set(runs.flatMap { $0.encoderHashes })
    for cache in caches where !encoders.contains(cache.configuration.checkpoint.sha256) {
      throw InputError(
        "--data \(cache.path)", "is of another encoder than all that the runs learned from",
        remedy: "give validation caches of \(Set(runs.map(\.encoder)).sorted().joined(separator: ", "))")
    }
    (self.selection, self.parallel, self.scratchFolder) = (selection, parallel, scratchFolder)
  }

  /// - Throws: where the run's files or its caches are not what they were; `CancellationError` where the observer said so.
  public func examine(_ run: ReportedRun, _ observer: Observer) throws -> Examination {
    let trained = try TrainedHead(RunFolder(run.path), parallel: parallel)
    let tokens = try images(trained, run)
    let companions = try companions(trained, run)
    let places = selection.places(in: tokens)
    var features = ChosenFeatures(places: places, width: trained.featureWidth)
    let measured = try trained.measure(
      on: tokens, attentionFrom: companions.attention, beside: companions.beside, folder: scratchFolder,
      shouldStop: observer.shouldStop, withConfusion: tokens.targets.isSingle,
      onBatch: { images, _, _, _ in
        features.take(images, from: trained.head)
        observer.onImages(images.upperBound, tokens.count)
      })
    let caches = tokens.caches!
    let areItsImages = try caches.identity() == trained.summary.validation.manifestSHA256
    if areItsImages { try check(measured.metrics, trained.summary, run) }
    let embedding = try features.embedding(
      tokens, parallel, shouldStop: observer.shouldStop, onProgress: observer.onEmbedding)
    return Examination(
      cacheName: caches.caches.map { Folder.lastPart($0.path) }.joined(separator: ", "),
      imageCount: tokens.count, areItsImages: areItsImages, classNames: trained.summary.layout.classNames,
      measured, embedding: embedding)
  }

  /// On processors of another instruction set the last bits differ, which may change the order of two classes in an image or
  /// two.
  private func check(_ metrics: Metrics, _ summary: RunSummary, _ run: ReportedRun) throws(InputError) {
    let was = summary.final.validation
    let allowed = 0.002 + 2 / Double(max(1, was.imageCount))
    guard metrics.imageCount == was.imageCount, abs(metrics.score - was.score) <= allowed,
      abs(metrics.loss - was.loss) <= 1e-3 * (1 + was.loss)
    else {
      throw InputError(
        run.path,
        "its head is not the one that the run tells of: it scores \(metrics.score), and scored \(was.score)",
        remedy: "restore head.safetensors and summary.json of one run")
    }
  }

  private func images(_ trained: TrainedHead, _ run: ReportedRun) throws(InputError) -> LabelledTokens {
    let recorded = trained.summary.validation
    let labelFile = recorded.labelFile.map { RunSummary.Cache.located($0, run.path) }
    let own = given(of: trained.summary.checkpointSHA256)
    let tokens: LabelledTokens
    if own.isEmpty {
      tokens = try located { () throws(InputError) in
        try trained.data(paths: recorded.paths(seenFrom: run.path), labelFile: labelFile)
      }
      if let caches = tokens.caches, try caches.identity() != recorded.manifestSHA256 {
        throw InputError(
          caches.name, "is not the cache any more that the head was measured on", remedy: Self.remedy)
      }
    } else {
      tokens = try trained.data(
        CacheSet(own, block: trained.summary.encoderSettings?.block), labelFile: labelFile)
    }
    if let labelFile, let labels = trained.summary.configuration.data.labels,
      try SHA256.hexadecimal(ofFile: labelFile) != labels.validationSHA256 ?? labels.sha256
    {
      throw InputError(
        labelFile, "has changed since the head was measured", remedy: "restore it, or train the head again")
    }
    return tokens
  }

  private static let remedy = "name the one to look at by --data"

  /// What cannot be opened can be given by an option.
  private func located<Value>(_ open: () throws(InputError) -> Value) throws(InputError) -> Value {
    do {
      return try open()
    } catch {
      throw InputError(error.subject, error.reason, remedy: Self.remedy)
    }
  }

  private func given(of checkpointSHA256: String?) -> [TokenCache] {
    caches.filter { $0.configuration.checkpoint.sha256 == checkpointSHA256 }
  }

  private func companions(_ trained: TrainedHead, _ run: ReportedRun) throws(InputError) -> CompanionCaches {
    let (recorded, data) = (trained.summary.validation, trained.summary.configuration.data)
    var companions = CompanionCaches()
    if let paths = recorded.attentionCaches {
      let own = given(of: data.attention?.checkpointSHA256)
      companions.attention =
        try own.isEmpty
        ? located { () throws(InputError) in
          try CacheSet(attentionPaths: paths.map { RunSummary.Cache.located($0, run.path) }, options: .init())
        }
        : CacheSet(attentionOf: own)
    }
    if let paths = recorded.besideCaches {
      let own = given(of: data.beside?.checkpointSHA256)
      companions.beside =
        try own.isEmpty
        ? located { () throws(InputError) in
          try trained.beside(paths: paths.map { RunSummary.Cache.located($0, run.path) }, reading: .init())
        }
        : CacheSet(own, block: trained.summary.layout.beside?.encoder.block)
    }
    return companions
  }
}

extension ReportedRun {
  /// Of the checkpoints that a head learned from.
  fileprivate var encoderHashes: [String] {
    let data = configuration.data
    return [
      summary?.checkpointSHA256, data.beside?.checkpointSHA256, data.attention?.checkpointSHA256,
    ].compactMap { $0 }
  }
}
