import ArgumentParser
import Compute
import Extraction
import Files
import Foundation

/// How the work is done and told of; nothing in a cache depends on it.
struct ProcessOptions: ParsableArguments {
  @Option(name: .customLong("num-workers"), help: "Threads; by default as many as there are processors.")
  var workers: Int?

  @Option(
    help: ArgumentHelp(
      "Which of several processes that write one cache this is, from 0; by default as its launcher says.",
      valueName: "number"))
  var rank: Int?

  @Option(
    help: ArgumentHelp("How many processes write the cache; 1 ignores launchers.", valueName: "count"))
  var worldSize: Int?

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(help: "Tell at the end where the time went, stage by stage.")
  var profile = false

  @Flag(name: .shortAndLong, help: "Show no progress.")
  var quiet = false

  func validate() throws {
    if let workers, workers < 1 { throw ValidationError("--num-workers must be at least 1, not \(workers).") }
  }

  /// Says on stderr what it found.
  func processRank() throws -> ProcessRank {
    let found = try ProcessRank.find(
      rank: rank, worldSize: worldSize, environment: ProcessInfo.processInfo.environment)
    for line in found.lines where !quiet { StandardError.write("\(line)\n") }
    return found
  }

  /// The threads that --num-workers asks for, or else all processors that are this process's.
  func parallel(for rank: ProcessRank) -> Parallel {
    Parallel(
      threadCount: workers
        ?? rank.threadCount(
          available: Parallel.availableProcessors, online: sysconf(Int32(_SC_NPROCESSORS_ONLN))))
  }
}
