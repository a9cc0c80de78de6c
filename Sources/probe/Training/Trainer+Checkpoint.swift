import CKernels
import Compute
import Files
import Heads
import Tensors

/// What a checkpoint says beside its tensors.
struct CheckpointHeader: Codable, Equatable {
  /// One head of those that train side by side.
  struct Member: Codable, Equatable {
    var configuration: TrainingConfiguration
    var steps: Int
    /// Why it was given up.
    var failure: String?
  }

  var members: [Member]
  var train: String
  var validation: String
  /// Whole epochs that are done.
  var epochs: Int
  /// The instruction sets whose kernels did them, one after the other.
  var cpuLevels: [String]
}

/// The SHA-256 of the manifests of the caches that a run works on.
public struct CacheIdentities: Equatable, Sendable {
  public var train: String
  public var validation: String
}

/// The state of all members between two epochs, as one file that is replaced atomically.
extension Trainer {
  private static let headerKey = "patchbank_checkpoint"

  /// - Parameter epochs: whole epochs that are done.
  public func writeCheckpoint(to path: String, epochs: Int, identities: CacheIdentities) throws {
    var tensors: [String: Tensor] = [:]
    for (index, member) in members.enumerated() where member.failure == nil {
      for (name, tensor) in member.head.stateDictionary() { tensors["\(index).head.\(name)"] = tensor }
      for (name, values) in member.optimizerState {
        tensors["\(index).\(name)"] = Tensor(values.buffer, shape: [values.count])
      }
    }
    let header = CheckpointHeader(
      members: members.map {
        .init(configuration: $0.configuration, steps: $0.stepCount, failure: $0.failure)
      },
      train: identities.train, validation: identities.validation, epochs: epochs, cpuLevels: cpuLevels)
    try Safetensors.write(
      tensors, metadata: [Self.headerKey: try CanonicalJSON.text(header)], to: path)
  }

  /// The instruction set whose kernels this process runs.
  static var cpuLevel: String { String(cString: pb_cpu_level_name(pb_cpu_process_level())) }

  /// - Returns: the number of whole epochs that a checkpoint has done, 0 where there is none, and the instruction set that
  ///   did the last of them.
  /// - Throws: where it was written by a run with other settings or caches, before anything is computed in vain.
  static func progress(
    _ path: String, of configurations: [TrainingConfiguration], _ identities: CacheIdentities
  ) throws(InputError) -> (epochs: Int, cpuLevel: String?) {
    guard Folder.contains(path) else { return (0, nil) }
    let header = try header(Safetensors.read(path), path)
    try header.refuseOtherSettings(than: configurations, identities, path)
    return (header.epochs, header.cpuLevels.last)
  }

  private static func header(_ file: Safetensors.File, _ path: String) throws(InputError) -> CheckpointHeader
  {
    guard let text = file.metadata[headerKey] else {
      throw InputError(path, "is not a checkpoint of a run", remedy: "start again with --overwrite")
    }
    guard let header = try? CanonicalJSON.decode(CheckpointHeader.self, from: text.utf8, subject: path) else {
      throw InputError(
        path, "was written by another version",
        remedy: "finish the run with that version, or start again with --overwrite")
    }
    // No run has more epochs than this, and their batches can be counted.
    let most = header.members.map(\.configuration.epochs).min() ?? 0
    guard (0...Int(Int32.max)).contains(most), (0...most).contains(header.epochs) else {
      throw InputError(
        path, "says that \(header.epochs) of \(most) epochs are done", remedy: "start again with --overwrite")
    }
    return header
  }

  /// Goes on from a checkpoint.
  ///
  /// - Returns: the number of whole epochs that are done.
  /// - Throws: where the file is damaged, or was written by a run with other settings or caches, naming them.
  public func resume(from path: String, identities: CacheIdentities) throws -> Int {
    let file = try Safetensors.read(path)
    let header = try Self.header(file, path)
    try header.refuseOtherSettings(than: members.map(\.configuration), identities, path)
    for (index, (member, state)) in zip(members, header.members).enumerated() {
      let most = header.epochs * (batchCount / member.configuration.accumulation)
      guard (0...most).contains(state.steps) else {
        throw InputError(
          path, "says that a head has done \(state.steps) of at most \(most) steps",
          remedy: "start again with --overwrite")
      }
      member.stepCount = state.steps
      member.failure = state.failure
      if state.failure == nil { try load(file.tensors, into: member, prefix: "\(index).", path) }
    }
    dropFailed()
    cpuLevels = header.cpuLevels
    if header.epochs < shared.epochs, cpuLevels.last != Self.cpuLevel { cpuLevels.append(Self.cpuLevel) }
    return header.epochs
  }

  private func load(
    _ tensors: [String: Tensor], into member: Member, prefix: String, _ path: String
  ) throws(InputError) {
    var state: [String: Tensor] = [:]
    for (name, tensor) in tensors where name.hasPrefix(prefix + "head.") {
      state[String(name.dropFirst(prefix.count + "head.".count))] = tensor
    }
    for (name, values) in member.optimizerState {
      guard let tensor = tensors[prefix + name], tensor.shape == [values.count],
        tensor.elementType == .float32
      else { throw InputError(path, "lacks \(prefix)\(name)", remedy: "start again with --overwrite") }
      tensor.withBytes { UnsafeMutableRawBufferPointer(values.buffer).copyMemory(from: $0) }
    }
    try member.head.load(state, file: path)
  }
}

extension CheckpointHeader {
  /// - Throws: where it was written by a run with other settings or caches, naming them.
  func refuseOtherSettings(
    than configurations: [TrainingConfiguration], _ identities: CacheIdentities, _ path: String
  ) throws(InputError) {
    var differences: [String] = []
    if members.count != configurations.count {
      differences.append("heads were \(members.count), are \(configurations.count)")
    }
    for (old, new) in zip(members, configurations) where differences.isEmpty {
      differences = SettingDifferences.between(old.configuration, new)
    }
    if train != identities.train { differences.append("the training cache is another one") }
    if validation != identities.validation { differences.append("the validation cache is another one") }
    guard differences.isEmpty else {
      throw InputError(
        path, "was written by a run with other settings: \(differences.joined(separator: "; "))",
        remedy: "resume with the same settings, or use another --output-dir")
    }
  }
}

extension Trainer.Member {
  fileprivate var optimizerState: [(name: String, values: SharedBuffer<Float>)] {
    optimizer.state.flatMap { name, arrays in
      zip(head.parameterNames, arrays).map { ("optimizer.\(name).\($0)", $1) }
    }
  }
}
