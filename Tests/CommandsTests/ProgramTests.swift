import Commands
import Files
import TestSupport
import Testing
import TokenStore

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

  /// What a stranger's names hold must not steer the terminal.
  @Test func namesAreMadeHarmless() throws {
    let name = "a\u{1B}[2Jb"
    try caches.write(name, rowCount: 30)
    func expectHarmless(_ command: String) throws {
      let result = try TestSupport.Program("extract").run([command, caches.folder.file(name)])
      #expect(result.output.contains("a\u{FFFD}[2Jb/"), "\(command): \(result.diagnostics)")
      #expect(!(result.output + result.diagnostics).contains("\u{1B}"), "\(command)")
    }
    // One row cannot be decoded, which is told by its id.
    try expectHarmless("inspect")
    // So is one whose label is not as it was.
    let shard = "\(name)/shard-00000.h5"
    var damaged = try bytes(ofFile: caches.folder.file(shard))
    let manifest = try CacheManifest.read(caches.folder.file(name))
    let labels = try #require(manifest.shards[0].datasets["labels"])
    damaged[labels.offset] ^= 1
    try caches.folder.write(damaged, to: shard)
    try expectHarmless("verify")
  }

  /// As what standard output already is, a file is written where that stands, and not replaced under it.
  @Test func aFileOptionMayNameStandardOutput() throws {
    let whole = try shell(command)
    let file = caches.folder.file("out")
    let result = try shell("{ echo first; \(command) --output /dev/stdout; } > \(file)")
    #expect(result.status == 0, "\(result.diagnostics)")
    #expect(try bytes(ofFile: file) == Array(("first\n" + whole.output).utf8))
  }
}
