import LinearLayers
import VisionTransformer

/// What timm writes beside a checkpoint (`config.json`), as far as it says what weights cannot reveal. A safetensors
/// file may also carry the same text in its metadata, under `config`.
struct TimmConfiguration: Decodable {
  /// The arguments of timm's `VisionTransformer`, `Beit` and `Eva`.
  private struct ModelArguments: Decodable {
    var imageSize: InputSize?
    var patchSize: InputSize?
    var width: Int?
    var depth: Int?
    var headCount: Int?
    var activation: String?
    var usesRotaryPosition: Bool?
    var rotaryType: String?
    var rotaryTemperature: Float?
    var rotatesHalves: Bool?
    var referenceGrid: InputSize?
    var isPostNorm: Bool?

    enum CodingKeys: String, CodingKey {
      case depth
      case imageSize = "img_size"
      case patchSize = "patch_size"
      case width = "embed_dim"
      case headCount = "num_heads"
      case activation = "act_layer"
      case usesRotaryPosition = "use_rot_pos_emb"
      case rotaryType = "rope_type"
      case rotaryTemperature = "rope_temperature"
      case rotatesHalves = "rope_rotate_half"
      case referenceGrid = "ref_feat_shape"
      case isPostNorm = "use_post_norm"
    }
  }

  /// How images were prepared for the model.
  private struct Preprocessing: Decodable {
    /// Channels, height, width.
    var inputSize: [Int]?
    var mean: [Float]?
    var standardDeviation: [Float]?
    var cropFraction: Double?
    var interpolation: String?
    var cropMode: String?

    enum CodingKeys: String, CodingKey {
      case mean, interpolation
      case inputSize = "input_size"
      case standardDeviation = "std"
      case cropFraction = "crop_pct"
      case cropMode = "crop_mode"
    }
  }

  private let architecture: String?
  private let arguments: ModelArguments
  private let preprocessing: Preprocessing

  enum CodingKeys: String, CodingKey {
    case architecture
    case arguments = "model_args"
    case preprocessing = "pretrained_cfg"
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    architecture = try container.decodeIfPresent(String.self, forKey: .architecture)
    arguments = try container.decodeIfPresent(ModelArguments.self, forKey: .arguments) ?? ModelArguments()
    // Older files have the preprocessing at the top.
    preprocessing =
      try container.decodeIfPresent(Preprocessing.self, forKey: .preprocessing)
      ?? Preprocessing(from: decoder)
  }

  func statement(source: String) -> ModelStatement {
    var statement = ModelStatement(source: source)
    statement.architecture = architecture
    statement.width = .init(value: arguments.width, name: "embed_dim")
    statement.depth = .init(value: arguments.depth, name: "depth")
    statement.headCount = arguments.headCount
    statement.patchSize = .init(value: arguments.patchSize, name: "patch_size")
    statement.imageSize = .init(value: arguments.imageSize, name: "img_size")
    if arguments.imageSize == nil, let size = preprocessing.inputSize, size.count == 3,
      size[1...].allSatisfy({ 1...65536 ~= $0 })
    {
      statement.imageSize = .init(value: InputSize(height: size[1], width: size[2]), name: "input_size")
    }
    statement.activation = arguments.activation
    statement.rotary = rotary()
    if arguments.isPostNorm == true { statement.refusal = ForeignArchitecture.postNorm }
    statement.isWithoutRotary = arguments.usesRotaryPosition == false
    statement.mean = preprocessing.mean
    statement.standardDeviation = preprocessing.standardDeviation
    statement.cropFraction = preprocessing.cropFraction
    statement.interpolation = preprocessing.interpolation
    statement.cropMode = preprocessing.cropMode
    return statement
  }

  /// What the arguments change of the named model's rotary position.
  private func rotary() -> RotaryEmbedding? {
    let named = architecture.flatMap(NamedModel.init)?.traits.rotary
    guard arguments.usesRotaryPosition ?? (named != nil) else { return nil }
    let isCentered = arguments.rotaryType.map { $0 == "dinov3" } ?? (named?.coordinates == .centered)
    let rotatesHalves = arguments.rotatesHalves ?? (named?.pairing == .halves)
    var coordinates = named?.coordinates ?? .steps(reference: nil)
    if isCentered {
      coordinates = .centered
    } else if let grid = arguments.referenceGrid {
      coordinates = .steps(reference: grid.height)
    }
    return RotaryEmbedding(
      pairing: rotatesHalves ? .halves : .interleaved, coordinates: coordinates,
      frequencies: arguments.rotaryTemperature.map { .powers(base: $0) } ?? named?.frequencies
        ?? .powers(base: 10000))
  }
}
