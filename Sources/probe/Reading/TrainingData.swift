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
  /// Caches of another encoder of the training images, joined, for their attention; empty for none.
  public var trainAttention: [String]
  /// Likewise of the validation images.
  public var validationAttention: [String]
  public var reading: ReadingOptions

  public init(
    train: [String], validation: [String], labelFile: String? = nil, trainAttention: [String] = [],
    validationAttention: [String] = [], reading: ReadingOptions = ReadingOptions()
  ) {
    self.train = train
    self.validation = validation
    self.labelFile = labelFile
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
    let labels: LabelFile? =
      if let path = sources.labelFile {
        try LabelFile(path, cacheClasses: trainingCaches.caches[0].configuration.dataset.classNames)
      } else { nil }
    let all = try LabelledTokens(trainingCaches, labels: labels)
    let selected = try selection.selected(from: all)
    if let fraction = selection.heldOutFraction {
      (training, heldOut) = try selected.holdOut(fraction: fraction, seed: selection.subsetSeed)
    } else {
      (training, heldOut) = (selected, nil)
    }
    tokenNorm = try TokenNorm.of(trainingCaches, selection.tokenNorm ?? .none)
    validation = try LabelledTokens(
      measuringOn: validationCaches, labels: labels, classNames: all.classNames)
    var selection = selection
    selection.block = trainingCaches.block
    selection.labels = labels.map {
      DataSelection.Labels(fileName: String($0.path.split(separator: "/").last ?? ""), sha256: $0.sha256)
    }
    if sources.trainAttention.isEmpty && sources.validationAttention.isEmpty {
      attention = nil
    } else {
      guard !sources.trainAttention.isEmpty && !sources.validationAttention.isEmpty else {
        throw InputError(
          "--attention-from", "is given for one of training and validation images alone",
          remedy: "give --attention-from CACHE and --attention-from-val CACHE")
      }
      let train = try CacheSet(attentionPaths: sources.trainAttention, options: sources.reading)
      let validation = try CacheSet(attentionPaths: sources.validationAttention, options: sources.reading)
      attention = (train, validation)
      selection.attention = .init(train: try train.identity(), validation: try validation.identity())
    }
    self.selection = selection
  }

  /// What a head that is trained on these takes and tells apart.
  public var layout: HeadLayout { HeadLayout(tokens: trainingCaches.layout, classNames: training.classNames) }
}
