import Files
import Foundation
import Tensors

/// The configurations that belong to a checkpoint: files beside it, or text in it.
enum ConfigurationFiles {
  /// The longest text that is read, in bytes: class names of large label sets are in there as well. The decoder needs
  /// some thirty times as much memory.
  private static let longestText = 4 << 20

  /// The names of the files, the most trusted one first.
  static let names = ["config.json", "preprocessor_config.json", "open_clip_config.json"]

  /// What the configurations say, the most trusted one first; empty where there is none.
  ///
  /// - Throws: ``InputError`` where there is one that cannot be read.
  static func statements(for files: CheckpointFiles) throws(InputError) -> [ModelStatement] {
    let folder = files.path.lastIndex(of: "/").map { String(files.path[...$0]) } ?? ""
    var statements: [ModelStatement] = []
    for name in names {
      let path = folder + name
      guard FileManager.default.fileExists(atPath: path) else { continue }
      let file = try MappedFile(path)
      statements.append(
        try read(FileSlice(file).withBytes { Data($0) }, subject: path, source: name))
    }
    if !statements.isEmpty { return statements }
    for part in files.parts where part.format == .safetensors {
      guard let text = try Safetensors.read(part.file).metadata["config"] else { continue }
      let subject = "\(part.file.path) (metadata \"config\")"
      return [try read(Data(text.utf8), subject: subject, source: "config.json")]
    }
    return []
  }

  /// - Parameters:
  ///   - subject: where the text is from, for messages.
  ///   - source: the name of the file that it is, or stands for.
  static func read(_ json: Data, subject: String, source: String) throws(InputError) -> ModelStatement {
    guard json.count <= longestText else {
      throw InputError(subject, "has \(json.count) bytes, too many for a model's configuration")
    }
    let reason: String
    do {
      let decoder = JSONDecoder()
      let kind = try decoder.decode(Kind.self, from: json)
      if source == "preprocessor_config.json" {
        return try decoder.decode(TransformersPreprocessing.self, from: json).statement(source: source)
      } else if kind.isOpenCLIP {
        return try decoder.decode(OpenCLIPConfiguration.self, from: json).statement(source: source)
      } else if kind.isTransformers {
        return try decoder.decode(TransformersConfiguration.self, from: json).statement(source: source)
      }
      return try decoder.decode(TimmConfiguration.self, from: json).statement(source: source)
    } catch DecodingError.typeMismatch(_, let context), DecodingError.dataCorrupted(let context),
      DecodingError.keyNotFound(_, let context), DecodingError.valueNotFound(_, let context)
    {
      let field = context.codingPath.map(\.stringValue).joined(separator: ".")
      reason = (field.isEmpty ? "" : "\(field): ") + context.debugDescription
    } catch {
      reason = "it is no JSON"
    }
    throw InputError(
      subject, "is no configuration of a model that can be read: \(shortened(reason, to: 200))",
      remedy: "repair it, or move it away and say --num-heads N")
  }

  /// Who wrote a configuration, told by fields that only one of them has.
  private struct Kind: Decodable {
    let isOpenCLIP: Bool
    let isTransformers: Bool

    enum CodingKeys: String, CodingKey {
      case architecture
      case openCLIP = "model_cfg"
      case modelType = "model_type"
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      isOpenCLIP = container.contains(.openCLIP)
      // A timm model in transformers' wrapper has its architecture as timm has it.
      isTransformers = container.contains(.modelType) && !container.contains(.architecture)
    }
  }
}
