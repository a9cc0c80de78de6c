import Files
import TokenStore

/// Which of several processes that write one cache this one is: as its options say, or the variables that the launcher
/// of a parallel job gives each of its processes.
public struct ProcessRank: Equatable, Sendable {
  public let share: ShardShare
  /// What the user should know of it, a line each.
  public let lines: [String]
  /// The processes of the job that run on this machine, as far as its launcher says.
  public let localProcessCount: Int
  /// The processors that the job has on this machine, where its launcher says.
  public let jobProcessorCount: Int?
  /// Whether the launcher may have given this process processors of its own.
  private let mayBeBound: Bool

  /// Looks in this order: the options, torchrun's variables, Open MPI's, those of MPICH and its kin, Slurm's, those of
  /// a Kubernetes job. A world size of 1 as option turns the others off.
  ///
  /// - Throws: where options or variables contradict each other or are no ranks; the error names them.
  public static func find(
    rank: Int?, worldSize: Int?, environment: [String: String]
  ) throws(InputError) -> ProcessRank {
    if let rank {
      guard let worldSize else {
        throw InputError("--rank", "says nothing without --world-size", remedy: "give both")
      }
      return try ProcessRank(rank, "--rank", of: worldSize, "--world-size")
    }
    if worldSize == 1 { return alone() }
    if let worldSize, worldSize < 1 {
      throw InputError("--world-size", "is \(worldSize), and a cache is written by 1 process or more")
    }
    for launcher in Launcher.all {
      if let found = try launcher.find(environment) {
        if let worldSize, worldSize != found.share.worldSize {
          throw InputError(
            "--world-size", "is \(worldSize), but \(launcher.worldSize) is \(found.share.worldSize)",
            remedy: "give --rank, too")
        }
        return found
      }
    }
    if let found = try findIndex(worldSize, environment) { return found }
    if worldSize != nil {
      throw InputError(
        "--world-size", "needs --rank, as no launcher has set a rank in the environment", remedy: "give both")
    }
    return alone(Launcher.hints(environment))
  }

  private static func alone(_ lines: [String] = []) -> ProcessRank {
    ProcessRank(share: .whole, lines: lines, localProcessCount: 1, jobProcessorCount: nil)
  }

  /// The index of a job's copy, which has a rank's meaning only beside a number of copies: jobs of the kind also run
  /// different work side by side, and then each is to do all of its own.
  private static func findIndex(
    _ worldSize: Int?, _ environment: [String: String]
  ) throws(InputError) -> ProcessRank? {
    if let index = try environment.wholeNumber(Launcher.kubernetesIndex) {
      if let worldSize {
        return try ProcessRank(index, Launcher.kubernetesIndex, of: worldSize, "--world-size")
      }
      guard let count = try environment.wholeNumber(Launcher.kubernetesCount) else {
        throw InputError(
          Launcher.kubernetesIndex, "is \(index), but nothing says how many there are",
          remedy: "give --world-size with the job's completions, or set \(Launcher.kubernetesCount) to that; "
            + "--world-size 1 lets this process do everything")
      }
      return try ProcessRank(index, Launcher.kubernetesIndex, of: count, Launcher.kubernetesCount)
    }
    guard let worldSize, let index = try environment.wholeNumber(Launcher.slurmArrayIndex) else { return nil }
    return try ProcessRank(index, Launcher.slurmArrayIndex, of: worldSize, "--world-size")
  }

  fileprivate init(
    _ rank: Int, _ rankName: String, of worldSize: Int, _ worldSizeName: String,
    localProcessCount: Int? = nil,
    jobProcessorCount: Int? = nil, mayBeBound: Bool = true
  ) throws(InputError) {
    guard worldSize >= 1 else {
      throw InputError(worldSizeName, "is \(worldSize), and a cache is written by 1 process or more")
    }
    guard (0..<worldSize).contains(rank) else {
      throw InputError(
        rankName, "is \(rank), but \(worldSizeName) is \(worldSize)",
        remedy: "ranks are numbered from 0 to \(worldSize - 1)")
    }
    share = ShardShare(rank: rank, worldSize: worldSize)
    lines = worldSize > 1 ? ["rank \(rank) of \(worldSize) (\(rankName))"] : []
    self.localProcessCount = max(1, localProcessCount ?? 1)
    self.jobProcessorCount = jobProcessorCount
    self.mayBeBound = mayBeBound
  }

  private init(share: ShardShare, lines: [String], localProcessCount: Int, jobProcessorCount: Int?) {
    self.share = share
    self.lines = lines
    self.localProcessCount = localProcessCount
    self.jobProcessorCount = jobProcessorCount
    mayBeBound = true
  }

  /// The threads that this process should use: all processors that it may run on, or its part of them where the
  /// launcher has started several processes on all of the job's processors.
  ///
  /// - Parameters:
  ///   - available: the processors of this process's affinity mask.
  ///   - online: the processors of the machine.
  public func threadCount(available: Int, online: Int) -> Int {
    // A smaller mask is the launcher's doing, and this process's share already; or that of a container or a job, if the
    // launcher leaves masks alone, and then all of the machine's processes share it.
    guard !mayBeBound || available >= min(online, jobProcessorCount ?? online) else { return available }
    return max(1, available / localProcessCount)
  }

  /// What is worth telling of a cache with fewer shards than processes; nil where each has one.
  public func warning(rowCount: Int, shardCount: Int) -> String? {
    guard shardCount < share.worldSize else { return nil }
    let remedy =
      rowCount < share.worldSize
      ? "\(rowCount) images are work for \(rowCount) processes at most"
      : "with --shard-size \(rowCount / share.worldSize), in a new folder, each has a part"
    return
      "\(shardCount) shards are too few for \(share.worldSize) processes: some have nothing to do; \(remedy)"
  }
}

/// The variables by which a launcher tells its processes apart.
private struct Launcher: Sendable {
  let rank: String
  let worldSize: String
  /// How many of the processes run on this machine.
  let localCount: String
  /// Whether it may give each process processors of its own.
  var binds = true

  static let kubernetesIndex = "JOB_COMPLETION_INDEX"
  /// Kubernetes does not set it; the job's author can.
  static let kubernetesCount = "JOB_COMPLETIONS"
  static let slurmArrayIndex = "SLURM_ARRAY_TASK_ID"

  static let all = [
    Launcher(rank: "RANK", worldSize: "WORLD_SIZE", localCount: "LOCAL_WORLD_SIZE", binds: false),
    Launcher(
      rank: "OMPI_COMM_WORLD_RANK", worldSize: "OMPI_COMM_WORLD_SIZE",
      localCount: "OMPI_COMM_WORLD_LOCAL_SIZE"),
    Launcher(rank: "PMI_RANK", worldSize: "PMI_SIZE", localCount: "MPI_LOCALNRANKS"),
    slurm,
  ]
  static let slurm = Launcher(
    rank: "SLURM_PROCID", worldSize: "SLURM_NTASKS", localCount: "SLURM_STEP_TASKS_PER_NODE")

  /// - Returns: nil where the variables are not set.
  func find(_ environment: [String: String]) throws(InputError) -> ProcessRank? {
    if rank == Self.slurm.rank { return try findSlurm(environment) }
    switch (try environment.wholeNumber(rank), try environment.wholeNumber(worldSize)) {
    case (nil, nil): return nil
    case (let rank?, let worldSize?):
      return try ProcessRank(
        rank, self.rank, of: worldSize, self.worldSize,
        localProcessCount: try environment.wholeNumber(localCount), mayBeBound: binds)
    case (_?, nil): throw Self.onlyOne(of: rank, missing: worldSize)
    case (nil, _?): throw Self.onlyOne(of: worldSize, missing: rank)
    }
  }

  private static func onlyOne(of name: String, missing: String) -> InputError {
    InputError(
      name, "is set without \(missing)",
      remedy: "set both, or give --rank and --world-size; --world-size 1 lets this process do everything")
  }

  /// Slurm sets its variables in batch scripts and interactive shells, too: one of them alone, or a single task, says
  /// nothing.
  private func findSlurm(_ environment: [String: String]) throws(InputError) -> ProcessRank? {
    guard !Self.isSlurmShell(environment), let rank = try environment.wholeNumber(rank),
      let worldSize = try environment.wholeNumber(worldSize), worldSize > 1
    else { return nil }
    let node = try environment.wholeNumber("SLURM_NODEID") ?? 0
    let counts = taskCounts(environment[localCount] ?? environment["SLURM_TASKS_PER_NODE"] ?? "")
    return try ProcessRank(
      rank, self.rank, of: worldSize, self.worldSize,
      localProcessCount: node < counts.count ? counts[node] : nil,
      jobProcessorCount: try environment.wholeNumber("SLURM_CPUS_ON_NODE"))
  }

  /// The tasks of each node, as Slurm abbreviates them: `4(x2),3` are 4, 4 and 3.
  private func taskCounts(_ text: String) -> [Int] {
    text.split(separator: ",").flatMap { part -> [Int] in
      let pieces = part.split(separator: "(x")
      let repeats = pieces.count == 2 ? Int(pieces[1].dropLast()) ?? 0 : 1
      guard let count = pieces.first.flatMap({ Int($0) }), (1...1 << 16).contains(repeats) else { return [] }
      return [Int](repeating: count, count: repeats)
    }
  }

  /// Whether this is a job's script or shell, which has the number of tasks but is none of them: those have a step.
  private static func isSlurmShell(_ environment: [String: String]) -> Bool {
    environment["SLURM_JOB_ID"] != nil && environment["SLURM_STEP_ID"] == nil
  }

  /// Why a process in a job of many does everything alone.
  static func hints(_ environment: [String: String]) -> [String] {
    var lines: [String] = []
    if isSlurmShell(environment), let count = environment[slurm.worldSize].flatMap({ Int($0) }), count > 1 {
      lines.append(
        "\(slurm.worldSize) is \(count), but srun has not started this process: it does everything alone")
    }
    if let count = environment["SLURM_ARRAY_TASK_COUNT"].flatMap({ Int($0) }), count > 1 {
      lines.append(
        "one of \(count) tasks of an array, which may be of different work: this process does everything alone; "
          + "to share one cache, give --world-size, and number the array from 0")
    }
    return lines
  }
}

extension [String: String] {
  /// - Returns: nil where the variable is not set, or empty.
  fileprivate func wholeNumber(_ name: String) throws(InputError) -> Int? {
    guard let text = self[name], !text.isEmpty else { return nil }
    guard let number = Int(text), number >= 0 else {
      throw InputError(name, "is '\(text)', and not a whole number from 0 on")
    }
    return number
  }
}
