import Files
import Foundation
import Reporting

/// The folder of a run: everything that is needed to repeat it, to go on with it and to use its head.
public struct RunFolder: Sendable {
  public let path: String

  public init(_ path: String) { self.path = path }

  /// The trained head, as PyTorch loads it.
  public var headFile: String { path + "/head.safetensors" }
  /// Where a run goes on: weights, optimizer state and the configuration after the last whole epoch.
  public var checkpointFile: String { path + "/checkpoint.safetensors" }
  /// One ``EpochRecord`` a line.
  public var metricsFile: String { path + "/metrics.jsonl" }
  /// A ``RunSummary``, written when the run is finished.
  public var summaryFile: String { path + "/summary.json" }

  public var hasCheckpoint: Bool { FileManager.default.fileExists(atPath: checkpointFile) }

  /// What an earlier run may have left here.
  private var ownFiles: [String] { [summaryFile, headFile, checkpointFile, metricsFile] }

  /// Makes the folder, or clears it of an earlier run.
  ///
  /// - Throws: where an earlier run is there and is not to be overwritten.
  public func prepare(overwriting: Bool) throws(InputError) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      let existing = ownFiles.filter { FileManager.default.fileExists(atPath: $0) }
      guard existing.isEmpty || overwriting else {
        throw InputError(
          path, "holds an earlier run", remedy: "add --resume to go on with it, or --overwrite to start again"
        )
      }
      for file in existing { try FileManager.default.removeItem(atPath: file) }
    } catch let error as InputError {
      throw error
    } catch {
      throw InputError(path, "cannot be made a run folder: \(error.localizedDescription)")
    }
  }

  public func writeSummary(_ summary: RunSummary) throws(InputError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(summary) else {
      throw InputError(summaryFile, "a number of the summary is not finite")
    }
    try AtomicFile.write(String(decoding: data, as: UTF8.self) + "\n", to: summaryFile)
  }

  public func readSummary() throws(InputError) -> RunSummary {
    let file = try MappedFile(summaryFile)
    guard file.bytes.count < 64 << 20 else {
      throw InputError(summaryFile, "is too large to be a run's summary")
    }
    do {
      return try JSONDecoder().decode(RunSummary.self, from: Data(file.bytes))
    } catch {
      throw InputError(summaryFile, "is not a run's summary: \(error)", remedy: "train the head again")
    }
  }
}

/// What a finished run was and came to.
public struct RunSummary: Codable, Equatable, Sendable {
  /// Which cache was used.
  public struct Cache: Codable, Equatable, Sendable {
    public var path: String
    /// SHA-256 of the manifest, which holds the hash of every shard.
    public var manifestSHA256: String
    public var images: Int
    public var skippedRows: Int

    public init(path: String, manifestSHA256: String, images: Int, skippedRows: Int) {
      self.path = path
      self.manifestSHA256 = manifestSHA256
      self.images = images
      self.skippedRows = skippedRows
    }

    enum CodingKeys: String, CodingKey {
      case path, images
      case manifestSHA256 = "manifest_sha256"
      case skippedRows = "skipped_rows"
    }
  }

  public var programVersion: String
  public var configuration: TrainingConfiguration
  public var layout: HeadLayout
  public var encoder: String
  public var checkpointSHA256: String
  public var train: Cache
  public var validation: Cache
  public var parameterCount: Int
  public var final: EpochRecord
  /// The epoch with the highest validation top-1; the first of equals. `head.safetensors` holds the last epoch's head.
  public var best: EpochRecord

  public init(
    programVersion: String, configuration: TrainingConfiguration, layout: HeadLayout, encoder: String,
    checkpointSHA256: String, train: Cache, validation: Cache, parameterCount: Int, final: EpochRecord,
    best: EpochRecord
  ) {
    self.programVersion = programVersion
    self.configuration = configuration
    self.layout = layout
    self.encoder = encoder
    self.checkpointSHA256 = checkpointSHA256
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
    case parameterCount = "parameters"
  }
}
