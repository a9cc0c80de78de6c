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
  /// A ``RunFailure``, written in the place of the summary where the head was given up.
  public var failureFile: String { path + "/failure.json" }

  /// Makes the folder where there is none.
  func make() throws(InputError) { try Folder.create(path) }

  /// Makes the folder where there is none, takes its lock and removes what a killed process was writing.
  ///
  /// - Returns: what holds the lock as long as it lives.
  /// - Throws: where another run is working in the folder.
  func lock() throws(InputError) -> Descriptor {
    try make()
    let folder = try Descriptor(path, .read)
    guard try folder.tryLock() else {
      throw InputError(path, "is in use by another run", remedy: "wait for it, or use another --output-dir")
    }
    try AtomicFile.removeLeftovers(in: path) { Self.fileNames.contains($0) || Self.isCheckpoint($0) }
    if contents == .sweep { for run in try SweepFolder(path).runs { _ = try run.lock() } }
    return folder
  }

  public func writeSummary(_ summary: RunSummary) throws(InputError) {
    try AtomicFile.write(try CanonicalJSON.page(summary), to: summaryFile)
  }

  func writeFailure(_ failure: RunFailure) throws(InputError) {
    try AtomicFile.write(try CanonicalJSON.page(failure), to: failureFile)
  }

  /// - Throws: where the run is not finished, or its summary says what no run has.
  public func readSummary() throws(InputError) -> RunSummary {
    try requireFinished()
    let summary = try Self.read(RunSummary.self, summaryFile)
    try summary.configuration.validate(file: summaryFile)
    try summary.layout.validate(file: summaryFile)
    guard summary.hasPossibleNumbers else {
      throw InputError(summaryFile, "holds numbers that no run has", remedy: "train the head again")
    }
    return summary
  }

  /// What became of the run.
  ///
  /// - Throws: where it has not come to an end, as ``readSummary()`` does.
  public func readResult() throws(InputError) -> RunResult {
    if !Folder.contains(summaryFile), Folder.contains(failureFile) {
      return .failed(try Self.read(RunFailure.self, failureFile))
    }
    return .finished(try readSummary())
  }

  private func requireFinished() throws(InputError) {
    if Folder.contains(summaryFile) { return }
    if Folder.contains(failureFile) {
      throw InputError(
        path, "holds a run that was given up: \(try Self.read(RunFailure.self, failureFile).reason)",
        remedy: "train the head with a smaller learning rate")
    }
    switch contents {
    case .sweep:
      let run = try SweepFolder(path).runs.first?.path ?? path + "/runs/..."
      throw InputError(path, "holds a sweep", remedy: "name one of its runs, as in \(run)")
    case .run:
      throw InputError(
        path, "holds a run that is not finished", remedy: "finish it with probe train --resume")
    case nil:
      throw InputError(path, "holds no run", remedy: "give the --output-dir of probe train")
    }
  }

  /// Reads a file of a run, which may hold anything.
  static func read<Content: Decodable>(_ type: Content.Type, _ path: String) throws(InputError) -> Content {
    let file = try MappedFile(path)
    defer { withExtendedLifetime(file) {} }
    guard file.bytes.count < 64 << 20 else { throw InputError(path, "is too large to be of a run") }
    return try CanonicalJSON.decode(type, from: file.bytes, subject: path)
  }
}

/// What earlier runs have left.
extension RunFolder {
  enum Contents { case run, sweep }

  /// Nil where there is nothing of either.
  var contents: Contents? {
    let sweep = SweepFolder(path)
    if [sweep.planFile, sweep.summaryFile].contains(where: Folder.contains) { return .sweep }
    return [summaryFile, failureFile, headFile].contains(where: Folder.contains) || hasCheckpoint ? .run : nil
  }

  /// Of whatever track.
  var hasCheckpoint: Bool { checkpointNames.count > 0 }

  /// Whether something is here that took an epoch or more to make.
  var holdsResults: Bool {
    switch contents {
    case .run: true
    case .sweep:
      hasCheckpoint || Folder.contains(SweepFolder(path).summaryFile)
        || ((try? SweepFolder(path).runs) ?? []).contains(where: \.holdsResults)
    case nil: false
    }
  }

  /// Removes what earlier runs left, of a sweep its runs, too; all other files stay.
  func clear() throws(InputError) {
    guard Folder.contains(path) else { return }
    if contents == .sweep {
      for run in try SweepFolder(path).runs {
        try run.clear()
        Folder.removeEmpty(run.path)
      }
      Folder.removeEmpty(path + "/runs")
    }
    // Checkpoints first: what a process leaves that is killed here is nothing to go on with. The plan, which tells what
    // the folder holds, last.
    for name in checkpointNames + Self.fileNames where Folder.contains(path + "/" + name) {
      do {
        try FileManager.default.removeItem(atPath: path + "/" + name)
      } catch {
        throw InputError(path + "/" + name, "cannot be removed: \(error.localizedDescription)")
      }
    }
  }

  /// All files that are written into folders of runs and sweeps, but for checkpoints.
  private static let fileNames: [String] = {
    let (run, sweep) = (RunFolder(""), SweepFolder(""))
    return [
      run.summaryFile, run.failureFile, run.headFile, run.metricsFile, run.eventFile, sweep.summaryFile,
      sweep.tableFile, sweep.settingsFile, sweep.planFile,
    ].map { String($0.dropFirst()) }
  }()

  private var checkpointNames: [String] { ((try? Folder.fileNames(path)) ?? []).filter(Self.isCheckpoint) }

  private static func isCheckpoint(_ name: String) -> Bool {
    guard name.hasPrefix("checkpoint"), name.hasSuffix(".safetensors") else { return false }
    let track = name.dropFirst("checkpoint".count).dropLast(".safetensors".count)
    return track.isEmpty || track.first == "-" && Int(track.dropFirst()) != nil
  }
}

/// What became of a run whose head was given up.
public struct RunFailure: Codable, Equatable, Sendable {
  public var programVersion: String
  public var configuration: TrainingConfiguration
  /// The weights or a loss are no numbers any more; says when.
  public var reason: String
  /// Of the training cache.
  public var encoderSettings: EncoderSettings?
  public var train: RunSummary.Cache
  public var validation: RunSummary.Cache

  package init(
    programVersion: String, configuration: TrainingConfiguration, reason: String,
    encoderSettings: EncoderSettings?, train: RunSummary.Cache, validation: RunSummary.Cache
  ) {
    self.programVersion = programVersion
    self.configuration = configuration
    self.reason = reason
    self.encoderSettings = encoderSettings
    self.train = train
    self.validation = validation
  }

  enum CodingKeys: String, CodingKey {
    case configuration, reason, train, validation
    case programVersion = "program_version"
    case encoderSettings = "encoder_settings"
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
    /// The label file; nil without one.
    public var labelFile: String?
    /// Caches of another encoder whose attention was taken, and of one whose features stand beside; nil without such.
    public var attentionCaches: [String]?
    public var besideCaches: [String]?

    public init(
      path: String, manifestSHA256: String, images: Int, skippedRows: Int, foreignLabels: Int? = nil,
      labelFile: String? = nil, attentionCaches: [String] = [], besideCaches: [String] = []
    ) {
      self.labelFile = labelFile
      self.attentionCaches = attentionCaches.isEmpty ? nil : attentionCaches
      self.besideCaches = besideCaches.isEmpty ? nil : besideCaches
      self.path = path
      self.manifestSHA256 = manifestSHA256
      self.images = images
      self.skippedRows = skippedRows
      self.foreignLabels = foreignLabels
    }

    /// Where the caches are now, joined ones each by itself.
    ///
    /// - Parameter run: the run's folder.
    public func paths(seenFrom run: String) -> [String] {
      let whole = Self.located(path, run)
      if Folder.contains(whole) { return [whole] }
      return path.components(separatedBy: ", ").map { Self.located($0, run) }
    }

    /// Where a file or folder that the run names is now. A path that is relative and leads nowhere from here may lead there
    /// from one of the folders that the run lies in.
    public static func located(_ path: String, _ run: String) -> String {
      guard !path.hasPrefix("/"), !Folder.contains(path) else { return path }
      var folder = Folder.resolved(run)
      while let slash = folder.lastIndex(of: "/"), slash > folder.startIndex {
        folder = String(folder[..<slash])
        if Folder.contains("\(folder)/\(path)") { return "\(folder)/\(path)" }
      }
      return path
    }

    enum CodingKeys: String, CodingKey {
      case path, images
      case manifestSHA256 = "manifest_sha256"
      case skippedRows = "skipped_rows"
      case foreignLabels = "foreign_labels"
      case labelFile = "label_file"
      case attentionCaches = "attention_caches"
      case besideCaches = "beside_caches"
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
  /// The instruction sets whose kernels trained the head, one after the other: on others its last bits may differ. Nil in a
  /// summary of a version that did not record them.
  public var cpuLevels: [String]?
  public var final: EpochRecord
  /// The epoch with the highest validation score; the first of equals. `head.safetensors` holds the last epoch's head.
  public var best: EpochRecord

  public init(
    programVersion: String, configuration: TrainingConfiguration, layout: HeadLayout, encoder: String,
    checkpointSHA256: String, encoderSettings: EncoderSettings?, train: Cache, validation: Cache,
    parameterCount: Int, cpuLevels: [String]?, final: EpochRecord, best: EpochRecord
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
    self.cpuLevels = cpuLevels
    self.final = final
    self.best = best
  }

  fileprivate var hasPossibleNumbers: Bool {
    let counts = [parameterCount, train.images, validation.images, train.skippedRows, validation.skippedRows]
    return counts.allSatisfy { (0...1 << 48).contains($0) } && final.isPossible && best.isPossible
  }

  enum CodingKeys: String, CodingKey {
    case configuration, layout, encoder, train, validation, final, best
    case programVersion = "program_version"
    case checkpointSHA256 = "checkpoint_sha256"
    case encoderSettings = "encoder_settings"
    case parameterCount = "parameters"
    case cpuLevels = "cpu_levels"
  }
}
