import VisionTransformer

/// The `config.json` of Hugging Face `transformers`, as far as it says what weights cannot reveal. A model of images and
/// texts has what is meant below `vision_config`.
struct TransformersConfiguration: Decodable {
  private struct Tower: Decodable {
    var modelType: String?
    var width: Int?
    var depth: Int?
    var headCount: Int?
    var imageSize: InputSize?
    var patchSize: InputSize?
    var activation: String?
    var normEpsilon: Float?
    var rootMeanSquareEpsilon: Float?
    var rotaryBase: Float?

    enum CodingKeys: String, CodingKey {
      case modelType = "model_type"
      case width = "hidden_size"
      case depth = "num_hidden_layers"
      case headCount = "num_attention_heads"
      case imageSize = "image_size"
      case patchSize = "patch_size"
      case activation = "hidden_act"
      case normEpsilon = "layer_norm_eps"
      case rootMeanSquareEpsilon = "rms_norm_eps"
      case rotaryBase = "rope_theta"
    }
  }

  private let tower: Tower

  enum CodingKeys: String, CodingKey {
    case tower = "vision_config"
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    tower = try container.decodeIfPresent(Tower.self, forKey: .tower) ?? Tower(from: decoder)
  }

  func statement(source: String) -> ModelStatement {
    var statement = ModelStatement(source: source)
    statement.width = .init(value: tower.width, name: "hidden_size")
    statement.depth = .init(value: tower.depth, name: "num_hidden_layers")
    statement.headCount = tower.headCount
    statement.patchSize = .init(value: tower.patchSize, name: "patch_size")
    statement.imageSize = .init(value: tower.imageSize, name: "image_size")
    statement.activation = tower.activation
    statement.normEpsilon = tower.normEpsilon ?? tower.rootMeanSquareEpsilon
    if let base = tower.rotaryBase, tower.modelType == "dinov3_vit" {
      statement.rotary = RotaryEmbedding(
        pairing: .halves, coordinates: .centered, frequencies: .powers(base: base))
    }
    return statement
  }
}

/// The `preprocessor_config.json` of Hugging Face `transformers`.
struct TransformersPreprocessing: Decodable {
  /// The sides by name, the shortest one, or a number, which means either.
  private struct Size: Decodable {
    var height: Int?
    var width: Int?
    var shortestEdge: Int?
    var isNumber = false

    enum CodingKeys: String, CodingKey {
      case height, width
      case shortestEdge = "shortest_edge"
    }

    init(from decoder: any Decoder) throws {
      if let side = try? decoder.singleValueContainer().decode(Int.self) {
        (shortestEdge, isNumber) = (side, true)
      } else {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        height = try container.decodeIfPresent(Int.self, forKey: .height)
        width = try container.decodeIfPresent(Int.self, forKey: .width)
        shortestEdge = try container.decodeIfPresent(Int.self, forKey: .shortestEdge)
      }
    }
  }

  private let mean: [Float]?
  private let standardDeviation: [Float]?
  private let size: Size?
  private let crop: Size?
  private let isCropped: Bool?
  private let filter: Int?

  enum CodingKeys: String, CodingKey {
    case size
    case mean = "image_mean"
    case standardDeviation = "image_std"
    case crop = "crop_size"
    case isCropped = "do_center_crop"
    case filter = "resample"
  }

  /// Pillow's numbers of its filters.
  private static let filters = [
    0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming",
  ]

  func statement(source: String) -> ModelStatement {
    var statement = ModelStatement(source: source)
    statement.mean = mean
    statement.standardDeviation = standardDeviation
    statement.interpolation = filter.flatMap { Self.filters[$0] }
    let cropSide = crop.flatMap { $0.height ?? $0.shortestEdge }
    if isCropped != false, let resized = size?.shortestEdge, let cropSide, resized > 0 {
      (statement.cropFraction, statement.cropMode) = (Double(cropSide) / Double(resized), "center")
    } else if let size, size.height != nil || size.isNumber {
      (statement.cropFraction, statement.cropMode) = (1, "squash")
    }
    return statement
  }
}
