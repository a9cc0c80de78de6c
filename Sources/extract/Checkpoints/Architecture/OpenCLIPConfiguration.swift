/// The `open_clip_config.json` of `open_clip`, as far as it says what the weights of the image tower cannot reveal.
struct OpenCLIPConfiguration: Decodable {
  private struct Model: Decodable {
    var isQuick: Bool?
    var tower: Tower

    enum CodingKeys: String, CodingKey {
      case isQuick = "quick_gelu"
      case tower = "vision_cfg"
    }
  }

  private struct Tower: Decodable {
    var imageSize: InputSize?
    var patchSize: InputSize?
    var width: Int?
    var depth: Int?
    var headWidth: Int?
    var timmName: String?
    var norm: Norm?

    struct Norm: Decodable { var eps: Float? }

    enum CodingKeys: String, CodingKey {
      case width
      case imageSize = "image_size"
      case patchSize = "patch_size"
      case depth = "layers"
      case headWidth = "head_width"
      case timmName = "timm_model_name"
      case norm = "norm_kwargs"
    }
  }

  private struct Preprocessing: Decodable {
    var mean: [Float]?
    var std: [Float]?
    var interpolation: String?
    var resizeMode: String?

    enum CodingKeys: String, CodingKey {
      case mean, std, interpolation
      case resizeMode = "resize_mode"
    }
  }

  private let model: Model
  private let preprocessing: Preprocessing?

  enum CodingKeys: String, CodingKey {
    case model = "model_cfg"
    case preprocessing = "preprocess_cfg"
  }

  func statement(source: String) -> ModelStatement {
    let tower = model.tower
    var statement = ModelStatement(source: source)
    statement.architecture = tower.timmName
    statement.width = .init(value: tower.width, name: "width")
    statement.depth = .init(value: tower.depth, name: "layers")
    statement.patchSize = .init(value: tower.patchSize, name: "patch_size")
    statement.imageSize = .init(value: tower.imageSize, name: "image_size")
    if tower.timmName == nil {
      // open_clip's own towers have heads of 64 where nothing else is said.
      let headWidth = tower.headWidth ?? 64
      statement.headCount = headWidth > 0 ? tower.width.map { $0 / headWidth } : nil
      statement.activation = model.isQuick == true ? "quick_gelu" : "gelu"
      statement.normEpsilon = tower.norm?.eps
    }
    statement.mean = preprocessing?.mean
    statement.standardDeviation = preprocessing?.std
    statement.interpolation = preprocessing?.interpolation
    if let mode = preprocessing?.resizeMode {
      (statement.cropFraction, statement.cropMode) = (1, mode == "shortest" ? "center" : mode)
    }
    return statement
  }
}
