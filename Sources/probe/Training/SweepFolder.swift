import Files
import Heads
import Reporting

/// The files of a sweep's folder, beside its runs' folders.
public struct SweepFolder: Sendable {
  public let path: String

  public init(_ path: String) { self.path = path }

  /// A ``SweepPlan``, written before the first batch.
  public var planFile: String { path + "/plan.json" }
  /// A ``SweepSummary``, written when all runs are done.
  public var summaryFile: String { path + "/sweep.json" }
  /// A line a run.
  public var tableFile: String { path + "/sweep.csv" }
  /// A line a setting, over its seeds.
  public var settingsFile: String { path + "/settings.csv" }

  /// The name of a run's folder: its number and its head. It does not depend on the number of runs.
  public static func runName(_ number: Int, _ head: HeadDescription) -> String {
    let digits = String(number)
    let padded = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    let word = head.name.map { $0.isLetter || $0.isNumber ? $0 : "-" }
    return "runs/\(padded)-\(String(word))"
  }

  /// The folders of runs that are there, in their order.
  public var runs: [RunFolder] {
    get throws(InputError) {
      guard Folder.contains(path + "/runs") else { return [] }
      let numbered = try Folder.fileNames(path + "/runs").compactMap { name in
        name.firstIndex(of: "-").flatMap { Int(name[..<$0]) }.map { (number: $0, name: name) }
      }
      return numbered.sorted { ($0.number, $0.name) < ($1.number, $1.name) }
        .map { RunFolder("\(path)/runs/\($0.name)") }
    }
  }

  /// - Returns: the runs that are finished or given up, where a path is a sweep's; else the path's own.
  public static func endedRuns(_ path: String) throws(InputError) -> [RunFolder] {
    guard RunFolder(path).contents == .sweep else { return [RunFolder(path)] }
    let ended = try SweepFolder(path).runs.filter {
      Folder.contains($0.summaryFile) || Folder.contains($0.failureFile)
    }
    guard !ended.isEmpty else {
      throw InputError(
        path, "holds a sweep of which no run is finished", remedy: "finish it with probe sweep --resume")
    }
    return ended
  }

  /// Writes the summary and both tables.
  public func write(_ summary: SweepSummary) throws(InputError) {
    try AtomicFile.write(summary.runTable, to: tableFile)
    try AtomicFile.write(summary.settingTable, to: settingsFile)
    try AtomicFile.write(try CanonicalJSON.page(summary), to: summaryFile)
  }
}

/// What a sweep is going to train, so that nothing else goes on in its folder.
public struct SweepPlan: Codable, Equatable, Sendable {
  public struct Run: Codable, Equatable, Sendable {
    /// Of the sweep's folder.
    public var folder: String
    public var configuration: TrainingConfiguration
  }

  public var programVersion: String
  /// The SHA-256 of the caches' manifests.
  public var train: String
  public var validation: String
  public var runs: [Run]

  enum CodingKeys: String, CodingKey {
    case train, validation, runs
    case programVersion = "program_version"
  }

  /// - Throws: where what a sweep planned in a folder is something else, naming it.
  func check(against path: String) throws(InputError) {
    let old = try RunFolder.read(SweepPlan.self, path)
    var differences: [String] = []
    if old.train != train { differences.append("the training cache is another one") }
    if old.validation != validation { differences.append("the validation cache is another one") }
    if old.runs.count != runs.count {
      differences.append("runs were \(old.runs.count), are \(runs.count)")
    }
    let different = zip(old.runs, runs).filter { $0 != $1 }
    if let (before, now) = different.first {
      let settings = SettingDifferences.between(before.configuration, now.configuration)
      differences.append("of \(before.folder), \(settings.joined(separator: ", "))")
      if different.count > 1 { differences.append("\(different.count - 1) more runs differ") }
    }
    guard differences.isEmpty else {
      throw InputError(
        path, "is of a sweep with other settings: \(differences.joined(separator: "; "))",
        remedy: "resume with the same settings, or use another --output-dir")
    }
  }
}
