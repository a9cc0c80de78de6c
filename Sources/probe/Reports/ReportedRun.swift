import Files
import Reading
import Reporting
import Training

/// A run that came to an end, as a report sees it.
public struct ReportedRun: Sendable {
  public let path: String
  public let result: RunResult
  /// Of its epochs; empty where the head was given up.
  public let records: [EpochRecord]
  /// What its encoder is called, which tells it from the others of the report.
  public internal(set) var encoder: String

  package init(path: String, result: RunResult, records: [EpochRecord], encoder: String) {
    (self.path, self.result, self.records, self.encoder) = (path, result, records, encoder)
  }

  /// Nil where the head was given up.
  public var summary: RunSummary? { if case .finished(let summary) = result { summary } else { nil } }

  var configuration: TrainingConfiguration {
    switch result {
    case .finished(let summary): summary.configuration
    case .failed(let failure): failure.configuration
    }
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

  /// The last part of the path.
  var folderName: String { Self.lastPart(path) }

  static func lastPart(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
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
        let result = try folder.readResult()
        let records: [EpochRecord] =
          if case .finished = result { try JSONLines.read(folder.metricsFile) } else { [] }
        runs.append(
          ReportedRun(
            path: folder.path, result: result, records: records,
            encoder: encoders.isEmpty ? "" : encoders[index]))
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

  /// Encoders that share a name get what tells them apart.
  private static func nameEncoders(_ runs: inout [ReportedRun]) {
    var kinds: [EncoderKind] = []
    let numbers = runs.map { run in
      let kind = EncoderKind(run)
      if let number = kinds.firstIndex(of: kind) { return number }
      kinds.append(kind)
      return kinds.count - 1
    }
    let names = DistinctNames.of(kinds.map { ($0.name, $0.qualifiers) })
    for index in runs.indices { runs[index].encoder = names[numbers[index]] }
  }
}

/// What tokens are of, whatever their file is called.
private struct EncoderKind: Equatable {
  let name: String
  let qualifiers: [String]

  init(_ run: ReportedRun) {
    let settings = run.encoderSettings
    let model = settings?.model.name ?? run.summary?.encoder ?? "encoder"
    name = run.encoder.isEmpty ? model : run.encoder
    let sha256 = settings?.checkpoint.sha256 ?? run.summary?.checkpointSHA256 ?? ""
    qualifiers = [
      settings?.checkpoint.fileName ?? "", settings.map { "block \($0.block)" } ?? "",
      settings.map { "input \($0.preprocessing.text)" } ?? "",
      settings.map { $0.precision.compute.rawValue } ?? "", String(sha256.prefix(8)),
    ]
  }

  /// A file with the same bytes is the same encoder.
  static func == (one: EncoderKind, other: EncoderKind) -> Bool {
    one.name == other.name && one.qualifiers.dropFirst() == other.qualifiers.dropFirst()
  }
}
