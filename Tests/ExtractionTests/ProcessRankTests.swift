import Files
import Testing
import TokenStore

import Extraction

@Suite struct ProcessRankTests {
  private func find(
    _ environment: [String: String], rank: Int? = nil, worldSize: Int? = nil
  ) throws(InputError) -> ProcessRank {
    try ProcessRank.find(rank: rank, worldSize: worldSize, environment: environment)
  }

  private static let torchrun = ["RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"]
  private static let openMPI = [
    "OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "3", "OMPI_COMM_WORLD_LOCAL_SIZE": "3",
  ]
  private static let mpich = ["PMI_RANK": "1", "PMI_SIZE": "2", "MPI_LOCALNRANKS": "2"]
  private static let srun = [
    "SLURM_JOB_ID": "77", "SLURM_STEP_ID": "0", "SLURM_PROCID": "6", "SLURM_NTASKS": "9", "SLURM_NODEID": "2",
    "SLURM_STEP_TASKS_PER_NODE": "4(x2),1", "SLURM_CPUS_ON_NODE": "16",
  ]
  private static let kubernetes = ["JOB_COMPLETION_INDEX": "3", "JOB_COMPLETIONS": "4"]

  @Test(arguments: [
    (torchrun, 5, 8, "RANK", 4), (openMPI, 2, 3, "OMPI_COMM_WORLD_RANK", 3), (mpich, 1, 2, "PMI_RANK", 2),
    (srun, 6, 9, "SLURM_PROCID", 1), (kubernetes, 3, 4, "JOB_COMPLETION_INDEX", 1),
    (["SLURM_PROCID": "1", "SLURM_NTASKS": "2"], 1, 2, "SLURM_PROCID", 1),
    (srun.merging(["SLURM_NODEID": "1"]) { $1 }, 6, 9, "SLURM_PROCID", 4),
    // Several launchers, one inside the other: the first of the list is the innermost.
    (torchrun.merging(srun) { $1 }, 5, 8, "RANK", 4), (mpich.merging(srun) { $1 }, 1, 2, "PMI_RANK", 2),
  ])
  func launchersVariablesAreRead(
    environment: [String: String], rank: Int, worldSize: Int, source: String, localCount: Int
  ) throws {
    let found = try find(environment)
    #expect(found.share == ShardShare(rank: rank, worldSize: worldSize))
    #expect(found.lines == ["rank \(rank) of \(worldSize) (\(source))"])
    #expect(found.localProcessCount == localCount)
  }

  @Test(
    arguments: [
      [:], ["RANK": "", "WORLD_SIZE": ""], ["RANK": "0", "WORLD_SIZE": "1"],
      // A job of one task, and an interactive shell in one of many.
      ["SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_PROCID": "0", "SLURM_NTASKS": "1"],
      ["SLURM_JOB_ID": "7", "SLURM_PROCID": "0"], ["SLURM_ARRAY_TASK_ID": "3"],
    ] as [[String: String]])
  func withoutLauncherAProcessIsAlone(environment: [String: String]) throws {
    let found = try find(environment)
    #expect(found.share == .whole)
    #expect(found.lines.isEmpty)
  }

  @Test(arguments: [torchrun, openMPI, mpich, srun, kubernetes, ["RANK": "x"]])
  func optionsComeFirst(environment: [String: String]) throws {
    #expect(try find(environment, worldSize: 1).share == .whole)
    let found = try find(environment, rank: 1, worldSize: 5)
    #expect(found.share == ShardShare(rank: 1, worldSize: 5))
    #expect(found.lines == ["rank 1 of 5 (--rank)"])
  }

  /// A batch script has its job's number of tasks, but is none of them; an array may be of anything.
  @Test func jobsThatShareNothingAreTold() throws {
    let script = ["SLURM_JOB_ID": "7", "SLURM_PROCID": "0", "SLURM_NTASKS": "8"]
    let found = try find(script)
    #expect(found.share == .whole)
    #expect(found.lines.count == 1 && found.lines[0].contains("srun has not started this process"))
    let array = ["SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8"]
    #expect(try find(array).share == .whole)
    #expect(try find(array).lines.first?.contains("give --world-size") == true)
  }

  @Test(arguments: ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"])
  func anIndexIsARankBesideAWorldSize(name: String) throws {
    #expect(try find([name: "3"], worldSize: 8).share == ShardShare(rank: 3, worldSize: 8))
    let error = #expect(throws: InputError.self) { try find([name: "8"], worldSize: 8) }
    #expect(error?.subject == name)
    #expect(error?.description.contains("from 0 to 7") == true)
  }

  @Test(
    arguments: [
      (["RANK": "3"], nil, "RANK: is set without WORLD_SIZE"),
      (["WORLD_SIZE": "3"], nil, "WORLD_SIZE: is set without RANK"),
      (["RANK": "3", "WORLD_SIZE": "3"], nil, "RANK: is 3, but WORLD_SIZE is 3"),
      (["RANK": "-1", "WORLD_SIZE": "3"], nil, "RANK: is '-1'"),
      (["RANK": "one", "WORLD_SIZE": "3"], nil, "RANK: is 'one'"),
      (["RANK": "0", "WORLD_SIZE": "0"], nil, "WORLD_SIZE: is 0"),
      (["RANK": "0", "WORLD_SIZE": "99999999999999999999"], nil, "WORLD_SIZE: is '9999"),
      (["RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "?"], nil, "LOCAL_WORLD_SIZE: is '?'"),
      (["OMPI_COMM_WORLD_RANK": "1"], nil, "OMPI_COMM_WORLD_RANK: is set without OMPI_COMM_WORLD_SIZE"),
      (["PMI_SIZE": "1"], nil, "PMI_SIZE: is set without PMI_RANK"),
      (["SLURM_PROCID": "2", "SLURM_NTASKS": "2"], nil, "SLURM_PROCID: is 2, but SLURM_NTASKS is 2"),
      (["JOB_COMPLETION_INDEX": "2"], nil, "JOB_COMPLETION_INDEX: is 2, but nothing says how many"),
      (["JOB_COMPLETION_INDEX": "2", "JOB_COMPLETIONS": "2"], nil, "JOB_COMPLETION_INDEX: is 2, but"),
      (torchrun, 4, "--world-size: is 4, but WORLD_SIZE is 8"), ([:], 4, "--world-size: needs --rank"),
      ([:], 0, "--world-size: is 0"), ([:], -3, "--world-size: is -3"),
    ] as [([String: String], Int?, String)])
  func whatIsNoRankIsNamed(environment: [String: String], worldSize: Int?, message: String) {
    let error = #expect(throws: InputError.self) { try find(environment, worldSize: worldSize) }
    #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
  }

  @Test(arguments: [(3, nil), (3, 3), (-1, 3), (0, 0)] as [(Int, Int?)])
  func optionsThatAreNoRankAreNamed(rank: Int, worldSize: Int?) {
    let error = #expect(throws: InputError.self) { try find([:], rank: rank, worldSize: worldSize) }
    #expect(error?.subject.hasPrefix("--") == true)
  }

  @Test func processesOfOneMachineShareItsProcessors() throws {
    let four = try find(Self.torchrun)
    #expect(four.threadCount(available: 16, online: 16) == 4)
    #expect(four.threadCount(available: 2, online: 2) == 1)
    #expect(
      four.threadCount(available: 16, online: 64) == 4, "torchrun binds none: the mask is the machine's part")
    let three = try find(Self.openMPI)
    #expect(three.threadCount(available: 16, online: 16) == 5)
    #expect(three.threadCount(available: 4, online: 16) == 4, "the mask is a share already")
    #expect(try find([:]).threadCount(available: 16, online: 16) == 16)
    let slurm = try find(Self.srun.merging(["SLURM_NODEID": "0"]) { $1 })
    #expect(slurm.threadCount(available: 16, online: 64) == 4, "the mask is the job's")
    #expect(slurm.threadCount(available: 4, online: 64) == 4)
  }

  @Test func tooFewShardsAreTold() throws {
    let found = try find(["RANK": "0", "WORLD_SIZE": "8"])
    #expect(found.warning(rowCount: 100, shardCount: 8) == nil)
    #expect(found.warning(rowCount: 100, shardCount: 7)?.contains("--shard-size 12") == true)
    #expect((100 + 11) / 12 >= 8)
    #expect(found.warning(rowCount: 5, shardCount: 5)?.contains("for 5 processes at most") == true)
  }
}
