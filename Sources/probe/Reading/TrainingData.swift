import Files
import Heads
import TokenStore

/// Where training and validation images come from. Nothing here but what is in the files decides a result.
public struct DataSources: Sendable {
  /// Caches, joined in this order.
  public var train: [String]
  /// Caches, joined in this order.
  public var validation: [String]
  /// Overrides the labels of all of them.
  public var labelFile: String?
  /// Overrides those of the validation images in its place.
  public var validationLabelFile: String?
  /// Caches of another encoder of the training images, joined, for their attention; empty for none.
  public var trainAttention: [String]
  /// Likewise of the validation images.
  public var validationAttention: [String]
  /// Caches of another encoder of the training images, joined, whose features stand behind the first's; empty for none.
  public var trainBeside: [String] = []
  /// Likewise of the validation images.
  public var validationBeside: [String] = []
  public var reading: ReadingOptions

  public init(
    train: [String], validation: [String], labelFile: String? = nil,
    validationLabelFile: String? = nil, trainAttention: [String] = [],
    validationAttention: [String] = [], reading: ReadingOptions = ReadingOptions()
  ) {
    self.train = train
    self.validation = validation
    self.labelFile = labelFile
    self.validationLabelFile = validationLabelFile
    self.trainAttention = trainAttention
    self.validationAttention = validationAttention
    self.reading = reading
  }
}

/// The images of a run, which go together.
public struct TrainingData: Sendable {
  /// The selected ones.
  public let training: LabelledTokens
  public let validation: LabelledTokens
  /// Images of the training caches that nobody learns from, to select by; nil where none are asked for.
  public let heldOut: LabelledTokens?
  /// What tokens go through before heads see them; nil for nothing.
  public let tokenNorm: TokenNorm?
  /// Where the attention of another encoder is, of training and of validation images; nil where it is not asked for.
  public let attention: (train: CacheSet, validation: CacheSet)?
  /// A second encoder's caches of the training and of the validation images, whose features stand behind the first's; nil
  /// where it is not asked for.
  public let beside: (train: CacheSet, validation: CacheSet)?
  /// The chosen norm of that encoder.
  public let besideNorm: TokenNorm?
  /// As it was asked for, with the block and the label file's identity.
  public let selection: DataSelection
  public let trainingCaches: CacheSet
  public let validationCaches: CacheSet

  /// - Throws: where a cache is not as it must be, the caches do not go together, or nothing is left to learn from.
  public init(_ sources: DataSources, _ selection: DataSelection) throws(InputError) {
    trainingCaches = try CacheSet(paths: sources.train, block: selection.block, options: sources.reading)
    validationCaches = try CacheSet(
      paths: sources.validation, block: trainingCaches.block, options: sources.reading)
    try CacheCompatibility(trainingCaches).check(validationCaches, with: trainingCaches.name)
    let labels = try Self.labels(sources, trainingCaches, validationCaches)
    let all = try LabelledTokens(trainingCaches, labels: labels?.training)
    if let fraction = selection.heldOutFraction {
      try trainingCaches.refuseSharedImages()
      let (rest, heldOut) = try all.holdOut(fraction: fraction, seed: selection.subsetSeed)
      (training, self.heldOut) = (try selection.selected(from: rest), heldOut)
    } else {
      (training, heldOut) = (try selection.selected(from: all), nil)
    }
    tokenNorm = try TokenNorm.of(trainingCaches, selection.tokenNorm ?? .none)
    validation = try LabelledTokens(
      measuringOn: validationCaches, labels: labels?.validation, classNames: all.classNames)
    guard all.targets.isSingle == validation.targets.isSingle else {
      throw InputError(
        "--label-file-val",
        "gives validation images \(all.targets.isSingle ? "several labels" : "one label") each, "
          + "and training images have \(all.targets.isSingle ? "one" : "several")",
        remedy: "label both in the same way")
    }
    var selection = selection
    selection.block = trainingCaches.block
    selection.labels = labels.map {
      .init(
        sha256: $0.training.sha256,
        validationSHA256: $0.validation.path == $0.training.path ? nil : $0.validation.sha256,
        areSets: !all.targets.isSingle)
    }
    if sources.trainAttention.isEmpty && sources.validationAttention.isEmpty {
      attention = nil
    } else {
      let train = try CacheSet(attentionPaths: sources.trainAttention, options: sources.reading)
      let validation = try CacheSet(attentionPaths: sources.validationAttention, options: sources.reading)
      try CacheCompatibility(train).check(validation, with: train.name)
      attention = (train, validation)
      selection.attention = .init(
        train: try train.identity(), validation: try validation.identity(),
        checkpointSHA256: train.encoder.checkpoint.sha256)
    }
    if let beside = try Self.beside(sources) {
      self.beside = beside
      besideNorm = try TokenNorm.of(beside.train, selection.tokenNorm ?? .none)
      selection.beside = .init(
        train: try beside.train.identity(), validation: try beside.validation.identity(),
        checkpointSHA256: beside.train.encoder.checkpoint.sha256)
    } else {
      (beside, besideNorm) = (nil, nil)
    }
    self.selection = selection
  }

  /// The label files of training and validation images; nil without one.
  private static func labels(
    _ sources: DataSources, _ training: CacheSet, _ validation: CacheSet
  ) throws(InputError) -> (training: LabelFile, validation: LabelFile)? {
    guard let path = sources.labelFile else { return nil }
    let file = try LabelFile(path, cacheClasses: training.caches[0].configuration.dataset.classNames)
    guard let validationPath = sources.validationLabelFile else {
      try file.refuseImagesOfBoth(training, validation)
      return (file, file)
    }
    return (file, try LabelFile(validationPath, cacheClasses: file.classNames, areFixed: true))
  }

  private static func beside(
    _ sources: DataSources
  ) throws(InputError) -> (train: CacheSet, validation: CacheSet)? {
    if sources.trainBeside.isEmpty && sources.validationBeside.isEmpty { return nil }
    guard !sources.trainBeside.isEmpty && !sources.validationBeside.isEmpty else {
      throw InputError(
        "--beside", "is given for one of training and validation images alone",
        remedy: "give --beside CACHE and --beside-val CACHE")
    }
    let train = try CacheSet(paths: sources.trainBeside, options: sources.reading)
    let validation = try CacheSet(
      paths: sources.validationBeside, block: train.block, options: sources.reading)
    try CacheCompatibility(train).check(validation, with: train.name)
    return (train, validation)
  }

  /// What a head that is trained on these takes and tells apart.
  public var layout: HeadLayout {
    HeadLayout(
      tokens: trainingCaches.layout, classNames: training.classNames,
      beside: beside.map { HeadLayout.Beside($0.train) })
  }
}
