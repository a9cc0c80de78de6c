import ArgumentParser
import Commands
import Reading
import Training

/// The folder that training writes, and what becomes of what an earlier run left there.
struct RunOptions: ParsableArguments {
  @Option(
    name: [.customLong("output-dir"), .short], help: ArgumentHelp("Folder to write.", valueName: "folder"))
  var outputPath: String

  @Flag(name: .customLong("no-tensorboard"), help: "Write no event files for TensorBoard.")
  var leavesTensorBoardOut = false

  @Flag(help: "Go on where an earlier run with the same settings stopped.")
  var resume = false

  @Flag(help: "Replace an earlier run.")
  var overwrite = false

  func validate() throws {
    if resume && overwrite { throw ValidationError("--resume and --overwrite exclude each other.") }
  }

  var folder: RunFolder { RunFolder(outputPath) }

  /// Trains what is planned, to the end or to the signal to stop.
  func train(
    _ runs: [PlannedRun], _ sources: DataSources, headsAtOnce: Int = .max, _ monitor: TrainingMonitor,
    _ output: OutputOptions
  ) throws -> [RunResult] {
    Interruption.listen()
    let run = TrainingRun(
      runs, sources, folder: folder, writesTensorBoard: !leavesTensorBoardOut, headsAtOnce: headsAtOnce,
      programVersion: Program.version, parallel: output.parallel)
    let outcome = try run.run(resume ? .resume : overwrite ? .overwrite : .fresh, monitor.observer)
    monitor.close()
    switch outcome {
    case .finished(let results): return results
    case .interrupted:
      throw InterruptedError(
        "stopped; what is done is kept in \(outputPath): run the same command with --resume to go on")
    }
  }
}
