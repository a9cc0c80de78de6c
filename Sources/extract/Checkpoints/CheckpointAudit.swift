import Files

/// Every key of a checkpoint and what becomes of it, also where it cannot be loaded.
public struct CheckpointAudit: Encodable, Sendable {
  public let file: String
  /// Of the whole file; nil where it cannot be loaded.
  public private(set) var sha256: String?
  /// Whose names the weights have; nil where nobody's are recognised.
  public private(set) var dialect: String?
  /// The key below which the weights were found; nil where they are at the top.
  public let key: String?
  /// What the names of the encoder's weights begin with.
  public private(set) var prefix: String?
  public private(set) var keys: [CheckpointKey]
  /// Keys without which there is no encoder, as the file would have them.
  public private(set) var missing: [String] = []
  public private(set) var settings: [LoadReport.Setting] = []
  public private(set) var notes: [String] = []
  /// Why it cannot be loaded.
  public private(set) var problem: String?

  /// - Throws: ``InputError`` where the file holds no state dict.
  public init(_ request: CheckpointRequest) throws(InputError) {
    try request.validate()
    let files = try CheckpointFiles(request.path)
    let dictionary = try StateDictionary(files, key: request.checkpointKey)
    file = files.path
    key = dictionary.key
    keys = CheckpointKey.unrecognized(dictionary)
    do throws(InputError) {
      let weights = try EncoderWeights.found(in: dictionary, isSimMIM: request.isSimMIM, path: files.path)
      (dialect, prefix, keys) = (weights.dialect.name, weights.place.prefix, weights.keys)
      missing = weights.missing
      missing = weights.missingKeys(try WeightDimensions(weights, path: files.path))
      let loaded = try CheckpointLoader.load(request)
      (sha256, settings, notes) = (loaded.sha256, loaded.report.settings, loaded.report.notes)
    } catch {
      problem = error.reason
    }
  }
}

extension CheckpointKey {
  /// Those of a state dict that nobody's names fit.
  fileprivate static func unrecognized(_ dictionary: StateDictionary) -> [CheckpointKey] {
    dictionary.entries.sorted { $0.key < $1.key }.map { key, entry in
      switch entry {
      case .weight(let weight):
        CheckpointKey(
          key: key, shape: weight.shape, type: weight.typeName, fate: .leftOver, name: nil, reason: nil)
      case .other(let what):
        CheckpointKey(key: key, shape: nil, type: what, fate: .leftOver, name: nil, reason: nil)
      }
    }
  }
}
