import ArgumentParser
import Compute

/// How the work is done and told of; nothing in a cache depends on it.
struct ProcessOptions: ParsableArguments {
  @Option(name: .customLong("num-workers"), help: "Threads; by default as many as there are processors.")
  var workers: Int?

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(name: .shortAndLong, help: "Show no progress.")
  var quiet = false

  func validate() throws {
    if let workers, workers < 1 { throw ValidationError("--num-workers must be at least 1, not \(workers).") }
  }

  var parallel: Parallel { workers.map { Parallel(threadCount: $0) } ?? Parallel() }
}
