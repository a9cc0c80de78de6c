import Files
import Tensors

/// A checkpoint's files, mapped and told apart: one, or the parts of a checkpoint that was split.
package struct CheckpointFiles {
  struct Part {
    let file: MappedFile
    let format: CheckpointFormat
  }

  /// Of the one file, or of the index.
  let path: String
  /// In the order of their names.
  let parts: [Part]
  /// Which tensor is in which part; nil where there is one file.
  let index: WeightIndex?

  var byteCount: Int { parts.reduce(0) { $0 + $1.file.bytes.count } }

  /// What a folder's checkpoint is called, by those who write one there: timm and Hugging Face's libraries, open_clip. Of
  /// several, the first here is taken, as the same weights are often there twice.
  package static let namesInFolders = [
    "model.safetensors", "model.safetensors.index.json", "open_clip_model.safetensors", "pytorch_model.bin",
    "pytorch_model.bin.index.json", "open_clip_pytorch_model.bin",
  ]

  /// - Parameter path: of a checkpoint, of the index of a split one, or of a folder that holds either.
  /// - Throws: ``InputError`` where a file is missing or of another kind.
  init(_ path: String) throws(InputError) {
    let path = try Self.resolved(path)
    self.path = path
    let file = try MappedFile(path)
    let format = try CheckpointFormat(file)
    guard format == .index else {
      parts = [Part(file: file, format: format)]
      index = nil
      return
    }
    let index = try WeightIndex(file)
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    var parts: [Part] = []
    for name in index.fileNames { parts.append(try Self.part(folder + name, of: path)) }
    self.parts = parts
    self.index = index
  }

  private static func resolved(_ path: String) throws(InputError) -> String {
    guard Folder.isFolder(path) else { return path }
    for name in namesInFolders where Folder.contains(path + "/" + name) { return path + "/" + name }
    throw InputError(
      path, "is a folder without a checkpoint in it",
      remedy: "name the file, or a folder that holds one of \(namesInFolders.joined(separator: ", "))")
  }

  private static func part(_ path: String, of index: String) throws(InputError) -> Part {
    guard Folder.contains(path) else {
      throw InputError(
        path, "is missing, which \(index) names", remedy: "copy or download all parts beside it")
    }
    let file = try MappedFile(path)
    let format = try CheckpointFormat(file)
    guard format != .index else {
      throw InputError(path, "holds no weights, though \(index) names it: it is an index itself")
    }
    return Part(file: file, format: format)
  }
}
