import Checkpoints
import Compute
import Files
import Images
import TokenStore
import VisionTransformer

/// Everything that is known before the first image is encoded: which rows a cache will have and how they are made.
public struct ExtractionPlan: Sendable {
  public let dataset: ImageDataset
  public let preprocessing: Preprocessing
  public let encoder: Encoder
  public let options: ExtractionOptions
  /// For tokens in 8 bits, without the scales that ``calibrated(for:parallel:onStart:onImage:)`` adds.
  public internal(set) var configuration: CacheConfiguration
  /// One row a view, image after image in the data set's order.
  public let rows: [RowIdentity]

  /// - Parameters:
  ///   - split: the part of the data set that `dataset` is, recorded in the cache.
  ///   - checkpointSource: where on the web the checkpoint is from, likewise.
  ///   - programVersion: likewise.
  /// - Throws: where the checkpoint's weights do not make the encoder, the images' size is not the encoder's, or a block
  ///   to be stored does not exist.
  public init(
    dataset: ImageDataset, split: String?, checkpoint: LoadedCheckpoint,
    checkpointSource: String? = nil, arithmetic: Arithmetic = .float32, preprocessing: Preprocessing,
    options: ExtractionOptions, programVersion: String,
    parallel: Parallel = Parallel()
  ) throws(InputError) {
    let model = checkpoint.configuration
    let inputSize = PixelSize(height: model.imageHeight, width: model.imageWidth)
    guard inputSize == preprocessing.crop else {
      throw InputError(
        checkpoint.fileName, "takes images of \(inputSize) pixels, not of \(preprocessing.crop)",
        remedy: "give its size with --input-size")
    }
    self.dataset = dataset
    self.preprocessing = preprocessing
    self.options = options
    encoder = try Encoder(
      configuration: model, weights: checkpoint.weights, arithmetic: arithmetic, parallel: parallel)
    rows = dataset.entries.flatMap { entry in
      (0..<options.augmentation.viewCount).map { view in
        RowIdentity(
          id: entry.id, label: entry.label, sourceIndex: UInt64(entry.place), viewIndex: UInt16(view))
      }
    }
    configuration = CacheConfiguration(
      model: .init(checkpoint), checkpoint: .init(checkpoint, source: checkpointSource),
      blocks: try options.blocks.blocks(depth: model.depth),
      finalNorm: encoder.finalNorm.map(CacheConfiguration.FinalNorm.init),
      preprocessing: .init(preprocessing),
      dataset: .init(
        split: split, imageCount: dataset.entries.count, classNames: dataset.classNames,
        listingSHA256: RowIdentity.listingSHA256(of: rows)),
      precision: .init(compute: arithmetic.operands, tokens: options.tokenType),
      augmentation: .init(options.augmentation), programVersion: programVersion)
  }
}

extension CacheConfiguration.Model {
  init(_ checkpoint: LoadedCheckpoint) {
    let model = checkpoint.configuration
    self.init(
      name: checkpoint.modelName, imageHeight: model.imageHeight, imageWidth: model.imageWidth,
      patchHeight: model.patchHeight, patchWidth: model.patchWidth, gridHeight: model.gridHeight,
      gridWidth: model.gridWidth, width: model.width, depth: model.depth, headCount: model.headCount,
      mlpWidth: model.mlpWidth, activation: model.activation.rawValue,
      layerNormEpsilon: model.layerNormEpsilon,
      hasClassToken: model.parts.hasClassToken, prefixTokenCount: model.prefixTokenCount,
      attentionTemperature: model.attentionTemperature == 1 ? nil : model.attentionTemperature)
  }
}

extension CacheConfiguration.FinalNorm {
  init(_ norm: Norm) {
    self.init(
      weight: norm.weight, bias: norm.bias, epsilon: norm.epsilon,
      kind: norm.kind == .rootMeanSquare ? .rootMeanSquare : nil)
  }
}

extension CacheConfiguration.Checkpoint {
  init(_ checkpoint: LoadedCheckpoint, source: String?) {
    self.init(
      fileName: checkpoint.fileName, sha256: checkpoint.sha256, dialect: checkpoint.dialect,
      key: checkpoint.key, source: source)
  }
}

extension CacheConfiguration.Augmentation {
  init(_ augmentation: Augmentation) {
    self.init(
      name: augmentation.name.rawValue, views: augmentation.viewCount, seed: augmentation.seed,
      hasCenterView: augmentation.hasCenterView)
  }
}

extension CacheConfiguration.Preprocessing {
  init(_ preprocessing: Preprocessing) {
    self.init(
      resize: preprocessing.resize.height, crop: preprocessing.crop.height,
      interpolation: preprocessing.interpolation.rawValue, mean: preprocessing.mean,
      std: preprocessing.standardDeviation,
      resizeWidth: preprocessing.resize.isSquare ? nil : preprocessing.resize.width,
      cropWidth: preprocessing.crop.isSquare ? nil : preprocessing.crop.width,
      cropMode: preprocessing.cropMode == .center ? nil : preprocessing.cropMode.rawValue)
  }
}
