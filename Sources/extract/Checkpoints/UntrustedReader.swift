import Files
import Foundation
import Tensors

/// Each reader of bytes from strangers by itself: what is fuzzed, and tested with the files of Tests/Fixtures/hostile-corpus,
/// which has a folder for each. A reader of another format becomes one more case.
package enum UntrustedReader: String, CaseIterable, Sendable {
  case zip, pickle, torch, safetensors, index, configuration, checkpoint

  /// Reads a file to its last value.
  ///
  /// - Throws: ``InputError`` where it is not of the reader's format. There is no other way to fail.
  package func read(_ path: String) throws(InputError) {
    switch self {
    case .zip:
      let archive = try ZipArchive(MappedFile(path))
      for entry in archive.entries.values { try archive.verify(entry) }
    case .pickle:
      var interpreter = PickleInterpreter(FileSlice(try MappedFile(path)), name: "the pickle")
      let root = try interpreter.run()
      _ = interpreter.heap.describe(root)
    case .torch: try Self.readTensors(MappedFile(path))
    case .safetensors: for tensor in try Safetensors.read(path).tensors.values { Self.touch(tensor) }
    case .index: _ = try WeightIndex(MappedFile(path))
    case .configuration:
      let file = try MappedFile(path)
      let text = FileSlice(file).withBytes { Data($0) }
      // A file of any name, read as each of the files beside a checkpoint.
      for name in ConfigurationFiles.names {
        _ = try ConfigurationFiles.read(text, subject: path, source: name)
      }
    case .checkpoint:
      let checkpoint = try CheckpointLoader.load(CheckpointRequest(path: path, headCount: 1))
      for tensor in checkpoint.weights.values { Self.touch(tensor) }
    }
  }

  private static func readTensors(_ file: MappedFile) throws(InputError) {
    let torch: any TorchFile =
      switch try CheckpointFormat(file) {
      case .zippedTorch: try ZippedTorchFile(file)
      case .legacyTorch(let start): try LegacyTorchFile(file, from: start)
      case .safetensors, .index: throw InputError(file.path, "is no file of torch.save")
      }
    // A loader asks for no tensor before it knows that all together are not much larger than the file.
    for view in torch.heap.tensors where view.elementCount <= 1 << 16 {
      touch(try torch.tensor(view, name: "a tensor"))
    }
  }

  /// Looks at all bytes, so that one that is not there ends the process.
  private static func touch(_ tensor: Tensor) { _ = tensor.withBytes { $0.reduce(0, ^) } }
}
