import Files
import Tensors
import VisionTransformer

/// Writes an encoder so that timm loads it: `model.safetensors` under timm's names, and a `config.json` that says which
/// of its models it is.
public struct CheckpointConverter {
  private let checkpoint: LoadedCheckpoint
  private let model: TimmModel
  /// What timm does otherwise, a sentence each.
  public var notes: [String] { model.notes }
  /// The function of timm's that makes such models.
  public var architecture: String { model.architecture }

  /// - Throws: ``InputError`` where no model of timm's is like the encoder.
  public init(_ checkpoint: LoadedCheckpoint) throws(InputError) {
    self.checkpoint = checkpoint
    model = try TimmModel(checkpoint)
  }

  public static let weightsName = "model.safetensors"
  public static let configurationName = "config.json"

  /// Each file is wholly there or not at all, and the configuration only beside its weights.
  ///
  /// - Parameter folder: made where it is missing.
  public func write(to folder: String) throws(InputError) {
    try Folder.create(folder)
    let byteCount = model.weights.values.reduce(1 << 16) { $0 + $1.byteCount }
    try Folder.requireFreeSpace(byteCount, in: folder)
    let configuration = try CanonicalJSON.page(configuration)
    Folder.remove(folder + "/" + Self.configurationName)
    try Safetensors.write(
      model.weights, metadata: ["format": "pt"], to: folder + "/" + Self.weightsName)
    try AtomicFile.write(configuration, to: folder + "/" + Self.configurationName)
  }

  private var configuration: Configuration {
    let (encoder, hints) = (checkpoint.configuration, checkpoint.preprocessing)
    return Configuration(
      architecture: model.architecture, featureCount: encoder.width, arguments: model.arguments,
      preprocessing: Preprocessing(
        tag: "converted", inputSize: [encoder.channelCount, encoder.imageHeight, encoder.imageWidth],
        interpolation: hints.interpolation, cropFraction: hints.cropFraction, cropMode: hints.cropMode,
        mean: hints.mean, std: hints.standardDeviation))
  }

  private struct Configuration: Encodable {
    let architecture: String
    let classCount = 0
    let featureCount: Int
    let arguments: [String: TimmValue]
    let preprocessing: Preprocessing

    enum CodingKeys: String, CodingKey {
      case architecture
      case classCount = "num_classes"
      case featureCount = "num_features"
      case arguments = "model_args"
      case preprocessing = "pretrained_cfg"
    }
  }

  private struct Preprocessing: Encodable {
    let tag: String
    let inputSize: [Int]
    let isSizeFixed = true
    let interpolation: String
    let cropFraction: Double
    let cropMode: String
    let mean: [Float]
    let std: [Float]
    let classCount = 0
    let firstLayer = "patch_embed.proj"
    let classifier = "head"

    enum CodingKeys: String, CodingKey {
      case tag, interpolation, mean, std, classifier
      case inputSize = "input_size"
      case isSizeFixed = "fixed_input_size"
      case cropFraction = "crop_pct"
      case cropMode = "crop_mode"
      case classCount = "num_classes"
      case firstLayer = "first_conv"
    }
  }
}
