import Commands
import Files
import TestSupport
import Testing

@Suite struct ProgramTests {
  @Test func seedSpellingOfOptionsIsAccepted() {
    #expect(
      Program.hyphenated(["--data_path", "my_data", "--token_dtype=my_type"]) == [
        "--data-path", "my_data", "--token-dtype=my_type",
      ])
  }

  @Test func valuesBehindTheTerminatorAreLeftAlone() {
    #expect(Program.hyphenated(["-x_y", "--", "--not_an_option"]) == ["-x_y", "--", "--not_an_option"])
  }
}

/// Results that are longer than any buffer, of a program as a user runs it.
@Suite struct OutputTests {
  private let caches: SampleCaches
  /// Prints more than 64 kB.
  private let command: String

  init() throws {
    caches = try SampleCaches()
    let names = String(repeating: "\(caches.train) ", count: 40)
    command = "\(TestSupport.Program("extract").path) stats \(names) --format json"
  }

  private func shell(_ script: String) throws -> TestSupport.Program.Result {
    try TestSupport.Program(path: "/bin/sh").run(["-c", script])
  }

  @Test(.enabled(if: Folder.contains("/dev/full"))) func aFullDiskIsAnError() throws {
    let result = try shell("\(command) > /dev/full")
    #expect(result.status == 1)
    #expect(
      result.diagnostics.hasPrefix("extract: error: standard output: cannot write: No space"),
      "\(result.diagnostics)")
  }

  @Test func aReaderThatHasSeenEnoughIsNone() throws {
    let whole = try shell(command)
    #expect(whole.status == 0 && whole.output.utf8.count > 1 << 17, "\(whole.diagnostics)")
    let cut = try shell("{ \(command); echo $? >&2; } | head -c 3")
    #expect(cut.output == whole.output.prefix(3) && cut.diagnostics == "0\n", "\(cut.diagnostics)")
  }
}
