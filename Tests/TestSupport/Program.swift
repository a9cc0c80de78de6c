import Foundation

/// One of the package's programs, or of the system's, run as a user runs it.
public struct Program: Sendable {
  public struct Result: Sendable {
    public let status: Int32
    /// The signal that ended it, where one did.
    public let signal: Int32?
    public let output: String
    public let diagnostics: String
  }

  public let path: String

  /// - Parameter path: of any executable file.
  public init(path: String) { self.path = path }

  /// - Parameter name: of the executable, which is built into the folder that the tests are built into.
  public init(_ name: String) {
    // The test bundle lies beside the programs; swift test runs it as this process or inside a runner of the toolchain.
    let arguments = CommandLine.arguments
    let bundle =
      arguments.first { $0.hasSuffix(".xctest") }
      ?? arguments.lazy.compactMap { Self.bundle(in: $0) }.first ?? arguments[0]
    path = URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent(name).path
  }

  private static func bundle(in argument: String) -> String? {
    argument.range(of: ".xctest").map { String(argument[..<$0.upperBound]) }
  }

  /// Runs the program to its end.
  ///
  /// - Parameter interference: called once the program runs, to disturb it.
  public func run(
    _ arguments: [String], environment: [String: String] = [:],
    interference: (_ process: Process) throws -> Void = { _ in }
  ) throws -> Result {
    let running = try start(arguments, environment: environment)
    try interference(running.process)
    return try running.result()
  }

  /// Starts the program, so that several run side by side.
  ///
  /// What launchers of parallel jobs have set for this process is not handed down.
  ///
  /// - Parameter terminal: what diagnostics go to, in the place of the result.
  public func start(
    _ arguments: [String], environment: [String: String] = [:], terminal: PseudoTerminal? = nil
  ) throws -> Running {
    let folder = try TemporaryFolder()
    for name in [Running.output, Running.diagnostics] { try folder.write([], to: name) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment
      .filter { variable in !Self.launchersPrefixes.contains { variable.key.hasPrefix($0) } }
      .merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle(forWritingAtPath: folder.file(Running.output))
    process.standardError =
      terminal?.program ?? FileHandle(forWritingAtPath: folder.file(Running.diagnostics))
    try process.run()
    try terminal?.program.close()
    return Running(process: process, folder: folder)
  }

  private static let launchersPrefixes = [
    "RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "OMPI_", "PMI", "MPI_", "SLURM_", "JOB_COMPLETION",
  ]

  /// A program that has been started.
  public struct Running {
    fileprivate static let (output, diagnostics) = ("stdout", "stderr")

    public let process: Process
    fileprivate let folder: TemporaryFolder

    /// Waits for the program's end.
    public func result() throws -> Result {
      process.waitUntilExit()
      return Result(
        status: process.terminationStatus,
        signal: process.terminationReason == .uncaughtSignal ? process.terminationStatus : nil,
        output: try String(contentsOfFile: folder.file(Self.output), encoding: .utf8),
        diagnostics: try String(contentsOfFile: folder.file(Self.diagnostics), encoding: .utf8))
    }
  }
}
