import Files
import Foundation

/// What timm writes beside a checkpoint (`config.json`), as far as it says what weights cannot reveal. A safetensors
/// file may also carry the same text in its metadata, under `config`.
struct TimmConfiguration: Decodable, Equatable {
  /// Height and width; a single number in JSON means both.
  struct Size: Decodable, Equatable {
    let height: Int
    let width: Int

    init(height: Int, width: Int) {
      self.height = height
      self.width = width
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      let sides = try (try? container.decode(Int.self)).map { [$0, $0] } ?? container.decode([Int].self)
      guard sides.count == 2, sides.allSatisfy({ 1...65536 ~= $0 }) else {
        throw DecodingError.dataCorruptedError(
          in: container, debugDescription: "\(sides) is no size in pixels")
      }
      self.init(height: sides[0], width: sides[1])
    }
  }

  /// The arguments of timm's `VisionTransformer`.
  struct ModelArguments: Decodable, Equatable {
    var imageSize: Size?
    var patchSize: Size?
    var width: Int?
    var depth: Int?
    var headCount: Int?
    var activation: String?

    enum CodingKeys: String, CodingKey {
      case depth
      case imageSize = "img_size"
      case patchSize = "patch_size"
      case width = "embed_dim"
      case headCount = "num_heads"
      case activation = "act_layer"
    }
  }

  /// How images were prepared for the model.
  struct Preprocessing: Decodable, Equatable {
    /// Channels, height, width.
    var inputSize: [Int]?
    var mean: [Float]?
    var standardDeviation: [Float]?
    var cropFraction: Double?
    var interpolation: String?

    enum CodingKeys: String, CodingKey {
      case mean, interpolation
      case inputSize = "input_size"
      case standardDeviation = "std"
      case cropFraction = "crop_pct"
    }
  }

  let architecture: String?
  let arguments: ModelArguments
  let preprocessing: Preprocessing

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

  /// The longest text that is read, in bytes: class names of large label sets are in there as well. The decoder needs
  /// some thirty times as much memory.
  private static let longestText = 4 << 20

  /// The configuration beside a checkpoint, or nil where there is none.
  ///
  /// - Throws: ``InputError`` where there is one that cannot be read.
  static func beside(_ checkpoint: String) throws(InputError) -> TimmConfiguration? {
    let folder = checkpoint.lastIndex(of: "/").map { String(checkpoint[...$0]) } ?? ""
    let path = folder + "config.json"
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let file = try MappedFile(path)
    return try read(FileSlice(file).withBytes { Data($0) }, subject: path)
  }

  /// - Parameter subject: where the text is from, for messages.
  static func read(_ json: Data, subject: String) throws(InputError) -> TimmConfiguration {
    guard json.count <= longestText else {
      throw InputError(subject, "has \(json.count) bytes, too many for a model's configuration")
    }
    let reason: String
    do {
      return try JSONDecoder().decode(TimmConfiguration.self, from: json)
    } catch DecodingError.typeMismatch(_, let context), DecodingError.dataCorrupted(let context),
      DecodingError.keyNotFound(_, let context), DecodingError.valueNotFound(_, let context)
    {
      let field = context.codingPath.map(\.stringValue).joined(separator: ".")
      reason = (field.isEmpty ? "" : "\(field): ") + context.debugDescription
    } catch {
      reason = "it is no JSON"
    }
    throw InputError(
      subject, "is no configuration of a timm model: \(shortened(reason, to: 200))",
      remedy: "repair it, or move it away and say --num-heads N")
  }
}
