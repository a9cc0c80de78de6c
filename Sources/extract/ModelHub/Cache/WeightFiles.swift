import Checkpoints
import Files
import Tensors

/// Which of a model's files hold its weights and its settings.
enum WeightFiles {
  /// The one that timm and transformers both look for, and others.
  static let mainConfiguration = "config.json"
  static let configurations = [mainConfiguration, "preprocessor_config.json", "open_clip_config.json"]

  private static let endings = [".safetensors", ".pth", ".pt", ".bin", ".ckpt"]

  /// - Parameters:
  ///   - files: the paths in a repository.
  ///   - wanted: the one that the user has named.
  ///   - subject: for messages.
  /// - Throws: where there are no weights, or several of which none has a usual name.
  static func choose(
    among files: Set<String>, wanted: String?, subject: String
  ) throws(InputError) -> String {
    if let wanted {
      guard files.contains(wanted) else {
        throw InputError(subject, "has no file '\(wanted)'", remedy: listing(candidates(files)))
      }
      return wanted
    }
    if let name = CheckpointFiles.namesInFolders.first(where: files.contains) { return name }
    let candidates = candidates(files)
    guard let first = candidates.first else {
      throw InputError(
        subject, "has no weights in PyTorch's format or safetensors",
        remedy: files.isEmpty ? nil : "it has \(excerpt(files.sorted()))")
    }
    guard candidates.count == 1 else {
      throw InputError(
        subject, "has several files of weights, none of which has a usual name",
        remedy: "name one of them behind it, as in \(subject)/\(first): \(excerpt(candidates))")
    }
    return first
  }

  /// The settings that belong to weights: those in the same folder.
  static func configurations(beside weights: String) -> [String] {
    configurations.map { RelativePath.folder(of: weights) + $0 }
  }

  /// Whether a file is called as weights are.
  static func isWeights(_ file: String) -> Bool { endings.contains { file.hasSuffix($0) } }

  static func isIndex(_ file: String) -> Bool { file.hasSuffix(".index.json") }

  /// The files that weights are split into, which lie beside their index.
  static func parts(ofIndex path: String) throws(InputError) -> [String] {
    let folder = RelativePath.folder(of: path)
    return try WeightIndex(MappedFile(path)).fileNames.map { folder + $0 }
  }

  private static func candidates(_ files: Set<String>) -> [String] {
    let weights = files.filter(isWeights)
    let atTop = weights.filter { !$0.contains("/") }
    return (atTop.isEmpty ? weights : atTop).sorted()
  }

  private static func listing(_ candidates: [String]) -> String? {
    candidates.isEmpty ? nil : "choose one of \(excerpt(candidates))"
  }

  private static func excerpt(_ names: [String]) -> String {
    names.prefix(8).joined(separator: ", ") + (names.count > 8 ? " and \(names.count - 8) more" : "")
  }
}
