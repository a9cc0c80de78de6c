import ArgumentParser
import CKernels
import Compute
import Foundation

@main
struct KernelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernels",
    abstract: "Measures PatchBank's kernels against what this machine does at best, in one run.")

  @Option(help: "Threads of what is measured on several; by default as many as there are processors.")
  var threads = Parallel.availableProcessors

  @Option(help: "Seconds of each measurement.")
  var seconds = 0.3

  @Option(
    help: ArgumentHelp(
      "Folder on the disk to measure; what is written there is removed again.", valueName: "folder"))
  var folder = NSTemporaryDirectory()

  @Option(help: ArgumentHelp("JPEG to decode, by default a synthetic one.", valueName: "file"))
  var image: String?

  @Flag(help: "Print the measurements as JSON.")
  var json = false

  func validate() throws {
    if threads < 1 { throw ValidationError("--threads must be at least 1, not \(threads).") }
    if !(seconds > 0) { throw ValidationError("--seconds must be above 0, not \(seconds).") }
  }

  func run() throws {
    let stopwatch = Stopwatch(seconds: seconds, parallel: Parallel(threadCount: threads))
    let scratch = try ScratchFolder(in: folder)
    defer { scratch.remove() }
    var report = Report()
    let ceilings = try Ceilings(stopwatch, scratch, &report)
    try MatrixProducts.measure(stopwatch, ceilings, &report)
    SweepKernels.measure(stopwatch, &report)
    TrainingSteps.measure(stopwatch, &report)
    try WholeEncoder.measure(stopwatch, ceilings, &report)
    try ImageReading.measure(stopwatch, file: image, &report)
    try RowWriting.measure(stopwatch, scratch, &report)
    print(json ? try report.json() : report.text, terminator: "")
  }
}

/// A folder for one run.
struct ScratchFolder {
  let path: String

  init(in parent: String) throws {
    path = parent + "/patchbank-kernels-\(ProcessInfo.processInfo.processIdentifier)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }
}
