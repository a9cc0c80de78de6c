import Compute
import Files
import Heads
import Tensors

/// What a run's checkpoint says beside its tensors.
struct CheckpointHeader: Codable, Equatable {
  var configuration: TrainingConfiguration
  var train: String
  var validation: String
  /// Whole epochs that are done.
  var epochs: Int
  var steps: Int
}

/// The state of a run between two epochs, as one file that is replaced atomically.
extension Trainer {
  private static let headerKey = "patchbank_checkpoint"

  /// - Parameters:
  ///   - epochs: whole epochs that are done.
  ///   - identities: the SHA-256 of the caches' manifests.
  public func writeCheckpoint(
    to path: String, epochs: Int, identities: (train: String, validation: String)
  ) throws {
    var tensors = head.stateDictionary()
    for (name, values) in optimizerState {
      tensors[name] = Tensor(values.buffer, shape: [values.count])
    }
    let header = CheckpointHeader(
      configuration: configuration, train: identities.train, validation: identities.validation,
      epochs: epochs,
      steps: stepCount)
    let text = try CanonicalJSON.text(header)
    try Safetensors.write(tensors, metadata: [Self.headerKey: text], to: path)
  }

  /// Goes on from a checkpoint.
  ///
  /// - Returns: the number of whole epochs that are done.
  /// - Throws: where the file is damaged, or was written by a run with other settings or caches, naming them.
  public func resume(from path: String, identities: (train: String, validation: String)) throws -> Int {
    let file = try Safetensors.read(path)
    guard let text = file.metadata[Self.headerKey],
      let header = try? CanonicalJSON.decode(CheckpointHeader.self, from: text.utf8, subject: path)
    else { throw InputError(path, "is not a checkpoint of a run", remedy: "start again with --overwrite") }
    try refuseOtherSettings(header, identities, path)
    var state = file.tensors
    for (name, values) in optimizerState {
      guard let tensor = state.removeValue(forKey: name), tensor.shape == [values.count],
        tensor.elementType == .float32
      else { throw InputError(path, "lacks \(name)", remedy: "start again with --overwrite") }
      tensor.withBytes { UnsafeMutableRawBufferPointer(values.buffer).copyMemory(from: $0) }
    }
    try head.load(state, file: path)
    stepCount = header.steps
    return header.epochs
  }

  private var optimizerState: [(name: String, values: SharedBuffer<Float>)] {
    optimizer.state.flatMap { name, arrays in
      zip(head.parameterNames, arrays).map { ("optimizer.\(name).\($0)", $1) }
    }
  }

  private func refuseOtherSettings(
    _ header: CheckpointHeader, _ identities: (train: String, validation: String), _ path: String
  ) throws(InputError) {
    var differences = SettingDifferences.between(header.configuration, configuration)
    if header.train != identities.train { differences.append("the training cache is another one") }
    if header.validation != identities.validation {
      differences.append("the validation cache is another one")
    }
    guard differences.isEmpty else {
      throw InputError(
        path, "was written by a run with other settings: \(differences.joined(separator: "; "))",
        remedy: "resume with the same settings, or use another --output-dir")
    }
  }
}
