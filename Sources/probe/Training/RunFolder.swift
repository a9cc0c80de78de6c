import Files
import Foundation
import Reading
import Reporting

/// The folder of a run: everything that is needed to repeat it, to go on with it and to use its head.
public struct RunFolder: Sendable {
  public let path: String

  public init(_ path: String) { self.path = path }

  /// The trained head, as PyTorch loads it.
  public var headFile: String { path + "/head.safetensors" }
  /// Where heads that learn side by side go on: weights, optimizer states and configurations after some whole epoch.
  ///
  /// - Parameter track: the number of the track, from 0; a single run has one.
  public func checkpointFile(track: Int) -> String {
    path + (track == 0 ? "/checkpoint.safetensors" : "/checkpoint-\(track).safetensors")
  }
  /// One ``EpochRecord`` a line.
  public var metricsFile: String { path + "/metrics.jsonl" }
  /// What TensorBoard shows of the epochs.
  public var eventFile: String { path + "/" + TensorBoardWriter.fileName }
  /// A ``RunSummary``, written when the run is finished.
  public var summaryFile: String { path + "/summary.json" }

  var hasCheckpoint: Bool { Folder.contains(checkpointFile(track: 0)) }

  /// Makes the folder where there is none.
  func make() throws(InputError) { try Folder.create(path) }

  /// Makes the folder where there is none, and takes its lock.
  ///
  /// - Returns: what holds the lock as long as it lives.
  /// - Throws: where another run is working in the folder.
  func lock() throws(InputError) -> Descriptor {
    try make()
    let folder = try Descriptor(path, .read)
    guard try folder.tryLock() else {
      throw InputError(path, "is in use by another run", remedy: "wait for it, or use another --output-dir")
    }
    let names = [summaryFile, headFile, checkpointFile(track: 0), metricsFile].map {
      String($0.dropFirst(path.count + 1))
    }
    try AtomicFile.removeLeftovers(of: Set(names), in: path)
    return folder
  }

  /// Whether a run that had finished an epoch was here.
  var hasEarlierRun: Bool { Folder.contains(summaryFile) || Folder.contains(headFile) || hasCheckpoint }

  /// Removes what an earlier run left.
  func clear() throws(InputError) {
    for file in [summaryFile, headFile, checkpointFile(track: 0), metricsFile, eventFile]
    where Folder.contains(file) {
      do {
        try FileManager.default.removeItem(atPath: file)
      } catch {
        throw InputError(file, "cannot be removed: \(error.localizedDescription)")
      }
    }
  }

  public func writeSummary(_ summary: RunSummary) throws(InputError) {
    try AtomicFile.write(try CanonicalJSON.page(summary), to: summaryFile)
  }

  /// - Throws: where the run is not finished, or its summary says what no run has.
  public func readSummary() throws(InputError) -> RunSummary {
    guard Folder.contains(summaryFile) else {
      throw InputError(
        path, hasCheckpoint ? "holds a run that is not finished" : "holds no run",
        remedy: hasCheckpoint ? "finish it with probe train --resume" : "give the --output-dir of probe train"
      )
    }
    let file = try MappedFile(summaryFile)
    guard file.bytes.count < 64 << 20 else {
      throw InputError(summaryFile, "is too large to be a run's summary")
    }
    let summary = try CanonicalJSON.decode(RunSummary.self, from: file.bytes, subject: summaryFile)
    try summary.configuration.validate(file: summaryFile)
    try summary.layout.validate(file: summaryFile)
    return summary
  }
}

/// What a finished run was and came to.
public struct RunSummary: Codable, Equatable, Sendable {
  /// Which cache was used, or which ones joined.
  public struct Cache: Codable, Equatable, Sendable {
    /// Of several, all with commas between them.
    public var path: String
    /// SHA-256 of the manifest, which holds the hash of every shard; of several, of the list of theirs.
    public var manifestSHA256: String
    public var images: Int
    public var skippedRows: Int
    /// Lines of the label file whose images are not in the cache; nil without such a file.
    public var foreignLabels: Int?

    public init(
      path: String, manifestSHA256: String, images: Int, skippedRows: Int, foreignLabels: Int? = nil
    ) {
      self.path = path
      self.manifestSHA256 = manifestSHA256
      self.images = images
      self.skippedRows = skippedRows
      self.foreignLabels = foreignLabels
    }

    enum CodingKeys: String, CodingKey {
      case path, images
      case manifestSHA256 = "manifest_sha256"
      case skippedRows = "skipped_rows"
      case foreignLabels = "foreign_labels"
    }
  }

  public var programVersion: String
  public var configuration: TrainingConfiguration
  public var layout: HeadLayout
  public var encoder: String
  public var checkpointSHA256: String
  /// Of the training cache; nil in a summary of a version that did not record them.
  public var encoderSettings: EncoderSettings?
  public var train: Cache
  public var validation: Cache
  public var parameterCount: Int
  public var final: EpochRecord
  /// The epoch with the highest validation top-1; the first of equals. `head.safetensors` holds the last epoch's head.
  public var best: EpochRecord

  public init(
    programVersion: String, configuration: TrainingConfiguration, layout: HeadLayout, encoder: String,
    checkpointSHA256: String, encoderSettings: EncoderSettings?, train: Cache, validation: Cache,
    parameterCount: Int, final: EpochRecord, best: EpochRecord
  ) {
    self.programVersion = programVersion
    self.configuration = configuration
    self.layout = layout
    self.encoder = encoder
    self.checkpointSHA256 = checkpointSHA256
    self.encoderSettings = encoderSettings
    self.train = train
    self.validation = validation
    self.parameterCount = parameterCount
    self.final = final
    self.best = best
  }

  enum CodingKeys: String, CodingKey {
    case configuration, layout, encoder, train, validation, final, best
    case programVersion = "program_version"
    case checkpointSHA256 = "checkpoint_sha256"
    case encoderSettings = "encoder_settings"
    case parameterCount = "parameters"
  }
}
