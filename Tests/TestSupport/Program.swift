import Foundation

/// One of the package's programs, run as a user runs it.
public struct Program: Sendable {
  public struct Result: Sendable {
    public let status: Int32
    /// The signal that ended it, where one did.
    public let signal: Int32?
    public let output: String
    public let diagnostics: String
  }

  private let path: String

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
    let folder = try TemporaryFolder()
    let (outputPath, diagnosticsPath) = (folder.file("stdout"), folder.file("stderr"))
    for file in [outputPath, diagnosticsPath] { try Data().write(to: URL(fileURLWithPath: file)) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle(forWritingAtPath: outputPath)
    process.standardError = FileHandle(forWritingAtPath: diagnosticsPath)
    try process.run()
    try interference(process)
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus,
      signal: process.terminationReason == .uncaughtSignal ? process.terminationStatus : nil,
      output: try String(contentsOfFile: outputPath, encoding: .utf8),
      diagnostics: try String(contentsOfFile: diagnosticsPath, encoding: .utf8))
  }
}
