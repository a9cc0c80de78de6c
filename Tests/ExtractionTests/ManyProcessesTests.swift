import Foundation
import TestSupport
import Testing

/// Processes that write one cache together, as launchers start them.
@Suite struct ManyProcessesTests {
  private static let program = Program("extract")

  /// Images, their checkpoint and what one process makes of them.
  private struct Job {
    let sample: Sample
    let arguments: [String]
    let expected: [String: [UInt8]]

    /// - Parameter shardSize: makes eight shards by default.
    init(imageCount: Int = 15, shardSize: Int = 2) throws {
      sample = try Sample(imageCount: imageCount, broken: ["eel/broken.jpg"])
      arguments =
        try TinyEncoder.write(to: sample.checkpoint)
        + ["--data-path", sample.folder.file("images"), "--split", "train", "--shard-size", "\(shardSize)"]
      let whole = sample.folder.file("whole")
      let result = try program.run(arguments + ["--output-dir", whole])
      #expect(result.status == 0, "\(result.diagnostics)")
      expected = try contents(of: whole)
    }

    /// Another folder for each call.
    func newCache() -> String { sample.folder.file(UUID().uuidString + "/cache") }

    /// Starts all ranks at once.
    ///
    /// - Parameter environment: of a rank.
    func start(
      _ worldSize: Int, to cache: String, options: (Int) -> [String] = { _ in [] },
      environment: (Int) -> [String: String] = { _ in [:] }
    ) throws -> [Program.Running] {
      try (0..<worldSize).map { rank in
        try program.start(
          arguments + ["--output-dir", cache, "--num-workers", "1"] + options(rank),
          environment: environment(rank))
      }
    }

    func startNumbered(_ worldSize: Int, to cache: String) throws -> [Program.Running] {
      try start(worldSize, to: cache, options: { ["--rank", "\($0)", "--world-size", "\(worldSize)"] })
    }
  }

  @Test func allAtOnceMakeTheSameCache() throws {
    let job = try Job()
    for worldSize in [2, 3, 7, 2, 3, 7, 5, 4] {
      let cache = job.newCache()
      let results = try job.startNumbered(worldSize, to: cache).map { try $0.result() }
      for result in results { #expect(result.status == 0, "\(result.diagnostics)") }
      #expect(results.contains { $0.output.contains("the cache is complete") })
      #expect(try contents(of: cache) == job.expected, "world size \(worldSize)")
    }
  }

  @Test func aKilledRanksShardsAreMadeByAnotherNumberOfRanks() throws {
    let job = try Job(imageCount: 200, shardSize: 30)
    for (first, second) in [(3, 2), (2, 1), (3, 3), (2, 7)] {
      var (cache, wasKilled) = ("", false)
      // On a busy machine the victim may be done before it is noticed.
      for _ in 0..<20 where !wasKilled {
        cache = job.newCache()
        let running = try job.startNumbered(first, to: cache)
        let victim = running[first - 1].process
        // In the middle of its second shard: the first one is recorded.
        while victim.isRunning,
          !FileManager.default.fileExists(atPath: cache + "/shard-0000\(first - 1).json")
        {
          usleep(500)
        }
        kill(victim.processIdentifier, SIGKILL)
        for (rank, process) in running.enumerated() {
          let result = try process.result()
          if rank == first - 1 { wasKilled = result.signal == SIGKILL }
          #expect(result.status == 0 || (rank == first - 1 && wasKilled), "\(result.diagnostics)")
        }
      }
      #expect(wasKilled)
      #expect(try Program("extract").run(["verify", cache]).output.contains("shards are missing"))
      for process in try job.startNumbered(second, to: cache) {
        let result = try process.result()
        #expect(result.status == 0, "\(result.diagnostics)")
      }
      #expect(try contents(of: cache) == job.expected, "\(first) ranks, then \(second)")
    }
  }

  /// By the variable that has the rank.
  enum Launcher: String, CaseIterable {
    case torchrun = "RANK"
    case openMPI = "OMPI_COMM_WORLD_RANK"
    case mpich = "PMI_RANK"
    case srun = "SLURM_PROCID"
    case kubernetes = "JOB_COMPLETION_INDEX"

    /// The other variables that it sets.
    func environment(rank: Int, of worldSize: Int) -> [String: String] {
      let more =
        switch self {
        case .torchrun: ["WORLD_SIZE": "\(worldSize)", "LOCAL_WORLD_SIZE": "\(worldSize)"]
        case .openMPI: ["OMPI_COMM_WORLD_SIZE": "\(worldSize)", "OMPI_COMM_WORLD_LOCAL_SIZE": "1"]
        case .mpich: ["PMI_SIZE": "\(worldSize)"]
        case .srun:
          [
            "SLURM_JOB_ID": "9", "SLURM_STEP_ID": "0", "SLURM_NTASKS": "\(worldSize)",
            "SLURM_NODEID": "\(rank)", "SLURM_STEP_TASKS_PER_NODE": "1(x\(worldSize))",
          ]
        case .kubernetes: ["JOB_COMPLETIONS": "\(worldSize)"]
        }
      return more.merging([rawValue: "\(rank)"]) { $1 }
    }
  }

  @Test(arguments: Launcher.allCases)
  func launchersRanksMakeTheSameCache(launcher: Launcher) throws {
    let job = try Job()
    let cache = job.newCache()
    for (rank, process) in try job.start(3, to: cache, environment: { launcher.environment(rank: $0, of: 3) })
      .enumerated()
    {
      let result = try process.result()
      #expect(result.status == 0)
      #expect(
        result.diagnostics.contains("rank \(rank) of 3 (\(launcher.rawValue))\n"), "\(result.diagnostics)")
    }
    #expect(try contents(of: cache) == job.expected)
  }

  @Test func aRankTellsOfItsOwnShare() throws {
    let job = try Job()
    let cache = job.newCache()
    func run(_ rank: Int) throws -> [String: Any] {
      let result = try Self.program.run(
        job.arguments + ["--output-dir", cache, "--rank", "\(rank)", "--world-size", "3", "--json"])
      #expect(result.status == 0, "\(result.diagnostics)")
      return try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    }
    let results = try (0..<3).map(run)
    #expect(results.map { $0["complete"] as? Bool } == [false, false, true])
    #expect(results.map { $0["missing_shards"] as? Int } == [5, 2, 0])
    #expect(results.map { $0["shards"] as? Int } == [3, 3, 2])
    #expect(results.map { $0["rows"] as? Int } == [6, 6, 4])
    #expect(results.reduce(0) { $0 + ($1["undecodable"] as? Int ?? 0) } == 1)
    // One of the images cannot be decoded.
    #expect(results.map { $0["encoded"] as? Int } == [6, 5, 4])
  }

  @Test func anUnfinishedCacheSaysWhatIsWithOthers() throws {
    let job = try Job()
    let cache = job.newCache()
    let result = try Self.program.run(
      job.arguments + ["--output-dir", cache, "--rank", "0", "--world-size", "9"])
    #expect(result.status == 0)
    #expect(result.output.contains("7 of 8 shards are still with other ranks"), "\(result.output)")
    #expect(result.diagnostics.contains("--shard-size 1, in a new folder"), "\(result.diagnostics)")
    let inspection = try Self.program.run(["inspect", cache])
    #expect(inspection.output.contains("2 of 16 rows in finished shards"))
    #expect(try Self.program.run(["verify", cache]).output.contains("7 of 8 shards are missing"))
  }

  @Test func wrongRanksEndWithOneLine() throws {
    let job = try Job()
    for environment in [["RANK": "2"], ["JOB_COMPLETION_INDEX": "2"], ["PMI_RANK": "3", "PMI_SIZE": "3"]] {
      let cache = job.newCache()
      let result = try Self.program.run(
        job.arguments + ["--output-dir", cache], environment: environment)
      #expect(result.status == 1)
      #expect(result.diagnostics.split(separator: "\n").count == 1, "\(result.diagnostics)")
      #expect(!FileManager.default.fileExists(atPath: cache))
    }
  }

  /// docs/slurm-array.sh, as Slurm runs it: one copy a task, with the task's number.
  @Test func theSlurmArrayScriptMakesTheSameCache() throws {
    let job = try Job()
    let script = URL(fileURLWithPath: Fixtures.path("../../docs/slurm-array.sh")).standardized.path
    let text = try String(contentsOfFile: script, encoding: .utf8)
    #expect(text.contains("#SBATCH --array=0-7\n"))
    let cache = job.newCache()
    let folder = URL(fileURLWithPath: Self.program.path).deletingLastPathComponent().path
    // One task is lost, and submitted again alone.
    for task in [0, 1, 2, 3, 4, 6, 7, 5] {
      let result = try Program(path: "/bin/bash").run(
        [script] + job.arguments + ["--output-dir", cache],
        environment: [
          "SLURM_JOB_ID": "9", "SLURM_PROCID": "0", "SLURM_NTASKS": "1", "SLURM_ARRAY_TASK_ID": "\(task)",
          "SLURM_ARRAY_TASK_COUNT": task == 5 ? "1" : "8", "SLURM_CPUS_PER_TASK": "1",
          "PATH": folder + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? ""),
        ])
      #expect(result.status == 0, "\(result.diagnostics)")
      #expect(result.output.contains("the cache is complete") == (task == 5))
    }
    #expect(try contents(of: cache) == job.expected)
  }

  private static let mpirun = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .map { $0 + "/mpirun" }.first { FileManager.default.isExecutableFile(atPath: $0) }

  /// The example of docs/many-machines.md; Open MPI refuses to run as root, and to run more processes than there are
  /// cores, unless it is told twice.
  @Test(.enabled(if: mpirun != nil, "needs mpirun"))
  func mpirunMakesTheSameCache() throws {
    let job = try Job()
    let cache = job.newCache()
    let result = try Program(path: try #require(Self.mpirun)).run(
      ["-n", "3", Self.program.path, "tokens"] + job.arguments + ["--output-dir", cache],
      environment: [
        "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
      ])
    #expect(result.status == 0, "\(result.diagnostics)")
    #expect(result.diagnostics.contains("rank 2 of 3"))
    #expect(try contents(of: cache) == job.expected)
  }
}
