import Files
import Reading
import Reporting
import Training

/// A run that came to an end, as a report sees it.
public struct ReportedRun: Sendable {
  public let path: String
  public let result: RunResult
  /// Of its epochs; empty where the head was given up, and where `metrics.jsonl` is not what the run wrote.
  public let records: [EpochRecord]
  /// Why there are none of a finished run.
  public let missingRecords: String?
  /// What its encoder is called, which tells it from the others of the report.
  public internal(set) var encoder: String

  package init(
    path: String, result: RunResult, records: [EpochRecord], missingRecords: String? = nil, encoder: String
  ) {
    (self.path, self.result, self.encoder) = (path, result, encoder)
    (self.records, self.missingRecords) = (records, missingRecords)
  }

  /// Nil where the head was given up.
  public var summary: RunSummary? { if case .finished(let summary) = result { summary } else { nil } }

  var configuration: TrainingConfiguration {
    switch result {
    case .finished(let summary): summary.configuration
    case .failed(let failure): failure.configuration
    }
  }

  /// The configuration but for what a grid and its seeds vary: learning rate, weight decay, seeds.
  var sharedConfiguration: TrainingConfiguration {
    var configuration = configuration
    (configuration.seed, configuration.orderSeed) = (0, 0)
    configuration.schedule.peak = 0
    configuration.optimizer.weightDecay = 0
    return configuration
  }

  var encoderSettings: EncoderSettings? {
    switch result {
    case .finished(let summary): summary.encoderSettings
    case .failed(let failure): failure.encoderSettings
    }
  }

  var caches: (train: RunSummary.Cache, validation: RunSummary.Cache) {
    switch result {
    case .finished(let summary): (summary.train, summary.validation)
    case .failed(let failure): (failure.train, failure.validation)
    }
  }
}

extension ReportedRun {
  /// Reads runs and those of sweeps, each once.
  ///
  /// - Parameters:
  ///   - paths: of runs and of sweeps.
  ///   - encoders: what the encoder of each path is called; empty for the names of the models.
  /// - Throws: where a run has not come to an end, or no head of all is left.
  public static func read(_ paths: [String], encoders: [String] = []) throws(InputError) -> [ReportedRun] {
    precondition(
      encoders.isEmpty || encoders.count == paths.count, "every path's encoder has a name, or none has")
    var runs: [ReportedRun] = []
    var seen: Set<String> = []
    for (index, path) in paths.enumerated() {
      for folder in try SweepFolder.endedRuns(path) where seen.insert(Folder.resolved(folder.path)).inserted {
        runs.append(
          try ReportedRun(folder, encoder: encoders.isEmpty ? "" : encoders[index]))
      }
    }
    guard runs.contains(where: { $0.summary != nil }) else {
      throw InputError(
        paths.joined(separator: ", "), "no head is left to report: all \(runs.count) were given up",
        remedy: "train with a smaller learning rate")
    }
    nameEncoders(&runs)
    return runs
  }

  private init(_ folder: RunFolder, encoder: String) throws(InputError) {
    let result = try folder.readResult()
    var records: [EpochRecord] = []
    var missing: String?
    if case .finished(let summary) = result {
      do {
        records = try JSONLines.read(folder.metricsFile)
        if records.count != summary.configuration.epochs || records.last != summary.final {
          missing = "\(folder.metricsFile): is not of the \(summary.configuration.epochs) epochs of the run"
          records = []
        }
      } catch {
        missing = error.description
      }
    }
    self.init(
      path: folder.path, result: result, records: records, missingRecords: missing, encoder: encoder)
  }

  /// Encoders that share a name get what tells them apart.
  private static func nameEncoders(_ runs: inout [ReportedRun]) {
    var kinds: [EncoderKind] = []
    let numbers = runs.map { run in
      let kind = EncoderKind(run)
      if let number = kinds.firstIndex(of: kind) { return number }
      kinds.append(kind)
      return kinds.count - 1
    }
    // Of one model, files are the better names.
    let names = DistinctNames.of(
      kinds.map { kind in
        let isShared = kinds.contains { $0.name == kind.name && $0.fileName != kind.fileName }
        return (isShared && !kind.isNamed ? kind.fileName : kind.name, kind.qualifiers)
      })
    for index in runs.indices { runs[index].encoder = names[numbers[index]] }
  }
}

/// What tokens are of, whatever their file is called.
private struct EncoderKind: Equatable {
  /// That of the model, unless a reader has named it.
  let name: String
  let isNamed: Bool
  /// Without its ending.
  let fileName: String
  let qualifiers: [String]

  init(_ run: ReportedRun) {
    let settings = run.encoderSettings
    let model = settings?.model.name ?? run.summary?.encoder ?? "encoder"
    isNamed = !run.encoder.isEmpty
    name = isNamed ? run.encoder : model
    let file = settings?.checkpoint.fileName ?? ""
    fileName = file.lastIndex(of: ".").map { String(file[..<$0]) } ?? (file.isEmpty ? model : file)
    let sha256 = settings?.checkpoint.sha256 ?? run.summary?.checkpointSHA256 ?? ""
    qualifiers = [
      fileName, settings.map { "block \($0.block)" } ?? "",
      settings.map { "input \($0.preprocessing.text)" } ?? "",
      settings.map { $0.precision.compute.rawValue } ?? "", String(sha256.prefix(8)),
    ]
  }

  /// A file with the same bytes is the same encoder.
  static func == (one: EncoderKind, other: EncoderKind) -> Bool {
    one.name == other.name && one.isNamed == other.isNamed
      && one.qualifiers.dropFirst() == other.qualifiers.dropFirst()
  }
}
