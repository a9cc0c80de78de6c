import Compute
import Files
import Foundation

/// Everything that decides what a token cache holds: how its rows were made, from what.
///
/// It is an object in the cache's manifest and, as canonical JSON, an attribute of every shard. A cache is only ever
/// continued by a run with an equal configuration, so nothing in it may depend on time, machine or thread count, and
/// no path in it is absolute.
public struct CacheConfiguration: Codable, Equatable, Sendable {
  public var model: Model
  public var checkpoint: Checkpoint
  /// The blocks whose outputs are stored, from 0, ascending; empty where only statistics are kept. The last one is
  /// the dataset `tokens`, the others are `tokens_block_BB`.
  public var blocks: [Int]
  /// The norm after the last block, which stored tokens have not been through; nil where the model has none.
  public var finalNorm: FinalNorm?
  public var preprocessing: Preprocessing
  public var dataset: Dataset
  public var precision: Precision
  public var augmentation: Augmentation
  public var programVersion: String

  public init(
    model: Model, checkpoint: Checkpoint, blocks: [Int], finalNorm: FinalNorm?, preprocessing: Preprocessing,
    dataset: Dataset, precision: Precision, augmentation: Augmentation, programVersion: String
  ) {
    self.model = model
    self.checkpoint = checkpoint
    self.blocks = blocks
    self.finalNorm = finalNorm
    self.preprocessing = preprocessing
    self.dataset = dataset
    self.precision = precision
    self.augmentation = augmentation
    self.programVersion = programVersion
  }

  enum CodingKeys: String, CodingKey {
    case model, checkpoint, blocks, preprocessing, dataset, precision, augmentation
    case finalNorm = "final_norm"
    case programVersion = "program_version"
  }

  /// The stored blocks, for people.
  public var storedBlocksText: String {
    blocks.isEmpty ? "none: statistics only" : blocks.map(String.init).joined(separator: ", ")
  }
}

extension CacheConfiguration {
  /// The encoder's architecture. Sizes are in pixels, grid sizes in patches.
  public struct Model: Codable, Equatable, Sendable {
    public var name: String
    public var imageHeight: Int
    public var imageWidth: Int
    public var patchHeight: Int
    public var patchWidth: Int
    public var gridHeight: Int
    public var gridWidth: Int
    /// D, the length of a token.
    public var width: Int
    /// L, the number of blocks.
    public var depth: Int
    /// H, the number of attention heads of a block.
    public var headCount: Int
    public var mlpWidth: Int
    public var activation: String
    public var layerNormEpsilon: Float
    public var hasClassToken: Bool
    /// The tokens before the patches: [cls] first where there is one, then registers.
    public var prefixTokenCount: Int
    /// What the scores of the attention were divided by before the softmax; nil where they were not.
    public var attentionTemperature: Float?

    public init(
      name: String, imageHeight: Int, imageWidth: Int, patchHeight: Int, patchWidth: Int, gridHeight: Int,
      gridWidth: Int, width: Int, depth: Int, headCount: Int, mlpWidth: Int, activation: String,
      layerNormEpsilon: Float, hasClassToken: Bool, prefixTokenCount: Int,
      attentionTemperature: Float? = nil
    ) {
      self.name = name
      self.imageHeight = imageHeight
      self.imageWidth = imageWidth
      self.patchHeight = patchHeight
      self.patchWidth = patchWidth
      self.gridHeight = gridHeight
      self.gridWidth = gridWidth
      self.width = width
      self.depth = depth
      self.headCount = headCount
      self.mlpWidth = mlpWidth
      self.activation = activation
      self.layerNormEpsilon = layerNormEpsilon
      self.hasClassToken = hasClassToken
      self.prefixTokenCount = prefixTokenCount
      self.attentionTemperature = attentionTemperature
    }

    /// P, the number of patches of an image.
    public var patchCount: Int { gridHeight * gridWidth }
    /// T, the number of tokens of an image: the prefix tokens, then the patches row by row.
    public var tokenCount: Int { prefixTokenCount + patchCount }

    enum CodingKeys: String, CodingKey {
      case name, width, depth, activation
      case imageHeight = "image_height"
      case imageWidth = "image_width"
      case patchHeight = "patch_height"
      case patchWidth = "patch_width"
      case gridHeight = "grid_height"
      case gridWidth = "grid_width"
      case headCount = "head_count"
      case mlpWidth = "mlp_width"
      case layerNormEpsilon = "layer_norm_epsilon"
      case hasClassToken = "has_class_token"
      case prefixTokenCount = "prefix_token_count"
      case attentionTemperature = "attention_temperature"
    }
  }

  /// Where the weights came from: the file's name without its folder, and what is in it.
  public struct Checkpoint: Codable, Equatable, Sendable {
    public var fileName: String
    public var sha256: String
    /// Whose key names the file uses.
    public var dialect: String
    /// The key below which the weights were found; nil where they are at the top.
    public var key: String?
    /// Where on the web the file is from: `hf-hub:owner/name@commit`, or an address without user, password and query;
    /// nil where a path was given.
    public var source: String?

    public init(fileName: String, sha256: String, dialect: String, key: String?, source: String? = nil) {
      self.fileName = fileName
      self.sha256 = sha256
      self.dialect = dialect
      self.key = key
      self.source = source
    }

    enum CodingKeys: String, CodingKey {
      case sha256, dialect, key, source
      case fileName = "file_name"
    }
  }

  /// A layer norm, `(x - mean) / sqrt(variance + epsilon) * weight + bias` over the D values of a token, or one of another
  /// kind.
  public struct FinalNorm: Codable, Equatable, Sendable {
    /// [D]
    public var weight: [Float]
    /// [D]
    public var bias: [Float]
    public var epsilon: Float
    /// Nil for a layer norm.
    public var kind: Kind?

    public enum Kind: String, Codable, Sendable {
      /// `x / sqrt(mean of x^2 + epsilon) * weight + bias`
      case rootMeanSquare = "root_mean_square"
    }

    public init(weight: [Float], bias: [Float], epsilon: Float, kind: Kind? = nil) {
      self.weight = weight
      self.bias = bias
      self.epsilon = epsilon
      self.kind = kind
    }
  }

  /// From an image's pixels to the encoder's input.
  public struct Preprocessing: Codable, Equatable, Sendable {
    /// The height that an image is resized to, in pixels; without a mode it keeps its proportions and covers that size.
    public var resize: Int
    /// The height of what is cut from the middle, in pixels.
    public var crop: Int
    public var interpolation: String
    /// Per channel, red, green, blue, of pixels in 0 ... 1.
    public var mean: [Float]
    /// Per channel, red, green, blue, of pixels in 0 ... 1.
    public var std: [Float]
    /// The widths that belong to the heights; nil for squares.
    public var resizeWidth: Int?
    public var cropWidth: Int?
    /// "squash" where the image takes the proportions of the size that it is resized to; nil where it keeps its own.
    public var cropMode: String?

    public init(
      resize: Int, crop: Int, interpolation: String, mean: [Float], std: [Float], resizeWidth: Int? = nil,
      cropWidth: Int? = nil, cropMode: String? = nil
    ) {
      self.resize = resize
      self.crop = crop
      self.interpolation = interpolation
      self.mean = mean
      self.std = std
      self.resizeWidth = resizeWidth
      self.cropWidth = cropWidth
      self.cropMode = cropMode
    }

    /// The sizes and the mode, for people.
    public var text: String {
      func size(_ height: Int, _ width: Int?) -> String { width.map { "\(height)x\($0)" } ?? "\(height)" }
      let resized = cropMode.map { " (\($0))" } ?? ""
      return "resized to \(size(resize, resizeWidth))\(resized), \(interpolation), cropped to "
        + size(crop, cropWidth)
    }

    enum CodingKeys: String, CodingKey {
      case resize, crop, interpolation, mean, std
      case resizeWidth = "resize_width"
      case cropWidth = "crop_width"
      case cropMode = "crop_mode"
    }
  }

  /// The images.
  public struct Dataset: Codable, Equatable, Sendable {
    /// The split's name; nil where the data set has none.
    public var split: String?
    public var imageCount: Int
    /// The class of each label, in label order; empty where images have no labels.
    public var classNames: [String]
    /// ``RowIdentity/listingSHA256(of:)`` of the cache's rows.
    public var listingSHA256: String

    public init(split: String?, imageCount: Int, classNames: [String], listingSHA256: String) {
      self.split = split
      self.imageCount = imageCount
      self.classNames = classNames
      self.listingSHA256 = listingSHA256
    }

    enum CodingKeys: String, CodingKey {
      case split
      case imageCount = "image_count"
      case classNames = "class_names"
      case listingSHA256 = "listing_sha256"
    }
  }

  public struct Precision: Codable, Equatable, Sendable {
    /// The type that the encoder multiplies in.
    public var compute: ElementType
    /// The type that tokens are stored in: float16, bfloat16, float32 or int8.
    public var tokens: ElementType
    /// For int8, and only there: the scales of each stored block's channels, [blocks, D]. See ``TokenQuantizer``.
    public var channelScales: [[Float]]?

    public init(compute: ElementType, tokens: ElementType, channelScales: [[Float]]? = nil) {
      self.compute = compute
      self.tokens = tokens
      self.channelScales = channelScales
    }

    enum CodingKeys: String, CodingKey {
      case compute, tokens
      case channelScales = "channel_scales"
    }
  }

  public struct Augmentation: Codable, Equatable, Sendable {
    /// "none" where images are only resized and cropped.
    public var name: String
    /// The stored views of each image.
    public var views: Int
    public var seed: UInt64
    /// Whether view 0 of each image is resized and cropped only.
    public var hasCenterView: Bool

    public init(name: String, views: Int, seed: UInt64, hasCenterView: Bool = false) {
      self.name = name
      self.views = views
      self.seed = seed
      self.hasCenterView = hasCenterView
    }

    /// - Parameter decoder: of a configuration which may be older than the setting of the centre view.
    public init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      name = try container.decode(String.self, forKey: .name)
      views = try container.decode(Int.self, forKey: .views)
      seed = try container.decode(UInt64.self, forKey: .seed)
      hasCenterView = try container.decodeIfPresent(Bool.self, forKey: .hasCenterView) ?? false
    }

    /// Whether view 0 shows an image as it is evaluated, without anything random.
    public var isFirstViewPlain: Bool { name == "none" || hasCenterView }

    /// What a row is called where it is counted.
    public var rowUnit: String { views > 1 ? "views" : "images" }

    enum CodingKeys: String, CodingKey {
      case name, views, seed
      case hasCenterView = "center_view"
    }
  }
}
