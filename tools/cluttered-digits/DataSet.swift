import Compute
import Files
import Foundation
import Images

/// The whole data set: which scenes there are, and how they reach the disk.
package struct DataSet: Codable, Equatable {
  /// Raised whenever the same settings give other scenes.
  package static let version = 1
  private static let stampName = "cluttered-digits.json"
  private static let jpegQuality = 90

  private var program = "cluttered-digits"
  private var version = DataSet.version
  let seed: UInt64
  /// Scenes made of each handwritten digit.
  let trainScenesPerDigit: Int
  let validationScenesPerDigit: Int

  package init(seed: UInt64 = 0, trainScenesPerDigit: Int = 4, validationScenesPerDigit: Int = 2) {
    precondition(trainScenesPerDigit > 0 && validationScenesPerDigit > 0, "every digit needs a scene")
    self.seed = seed
    self.trainScenesPerDigit = trainScenesPerDigit
    self.validationScenesPerDigit = validationScenesPerDigit
  }

  package enum Outcome: Equatable {
    /// These scenes were there already.
    case unchanged
    case written(sceneCount: Int)
  }

  /// Writes `folder/train/<label>/NNNNN.jpg` and `folder/val/<label>/NNNNN.jpg`, all or nothing: into
  /// `folder.partial` first. Replaces only what an earlier run of this program wrote.
  package func write(to folder: String, parallel: Parallel = Parallel()) throws -> Outcome {
    if try stamp(of: folder) == self { return .unchanged }
    let partial = folder + ".partial"
    _ = try stamp(of: partial)
    try remove(partial)

    let jobs = try jobs(in: partial)
    for directory in Set(jobs.map { ($0.path as NSString).deletingLastPathComponent }).sorted() {
      try make(directory)
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try AtomicFile.write(
      String(decoding: try encoder.encode(self), as: UTF8.self) + "\n", to: partial + "/" + Self.stampName)
    try parallel.forEach(jobs.count) { index, _ in try jobs[index].run(quality: Self.jpegQuality) }

    try remove(folder)
    try AtomicFile.rename(partial, to: folder)
    return .written(sceneCount: jobs.count)
  }

  /// One scene to be written.
  private struct Job: Sendable {
    let path: String
    let digit: Digit
    let others: [Digit]
    let random: SeededGenerator

    func run(quality: Int) throws {
      let scene = Scene(of: digit, among: others, random: random)
      let bytes = try JPEG.encode(
        scene.pixels, width: Scene.side, height: Scene.side, quality: quality)
      let file = try Descriptor(path, .create)
      try bytes.withUnsafeBytes { try file.write($0, at: 0) }
    }
  }

  /// Every scene has a stream of random numbers of its own, so the order of writing does not matter.
  private func jobs(in folder: String) throws -> [Job] {
    let (train, validation) = Digit.split(try Digit.all())
    let parts = [("train", train, trainScenesPerDigit), ("val", validation, validationScenesPerDigit)]
    var jobs: [Job] = []
    for (part, (name, digits, scenesPerDigit)) in parts.enumerated() {
      for (index, digit) in digits.enumerated() {
        for view in 0..<scenesPerDigit {
          let number = index * scenesPerDigit + view
          let path = String(format: "%@/%@/%d/%05d.jpg", folder, name, digit.label, number)
          let stream = UInt64(part) << 32 | UInt64(number)
          jobs.append(
            Job(
              path: path, digit: digit, others: digits,
              random: SeededGenerator(seed: seed, stream: stream)))
        }
      }
    }
    return jobs
  }

  /// The settings that an earlier run left in a folder; nil where there is nothing.
  private func stamp(of folder: String) throws(InputError) -> DataSet? {
    guard FileManager.default.fileExists(atPath: folder) else { return nil }
    guard let data = FileManager.default.contents(atPath: folder + "/" + Self.stampName) else {
      throw InputError(
        folder, "is there already and holds no \(Self.stampName), so this program did not write it",
        remedy: "give another output folder, or remove this one")
    }
    do {
      return try JSONDecoder().decode(DataSet.self, from: data)
    } catch {
      throw InputError(
        folder + "/" + Self.stampName, "does not say which scenes the folder holds",
        remedy: "give another output folder, or remove this one")
    }
  }

  private func make(_ folder: String) throws(InputError) {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw InputError(folder, "cannot make the folder: \(error.localizedDescription)")
    }
  }

  private func remove(_ folder: String) throws(InputError) {
    guard FileManager.default.fileExists(atPath: folder) else { return }
    do {
      try FileManager.default.removeItem(atPath: folder)
    } catch {
      throw InputError(folder, "cannot remove the folder: \(error.localizedDescription)")
    }
  }
}
