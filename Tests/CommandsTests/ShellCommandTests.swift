import Commands
import Testing

@Suite struct ShellCommandTests {
  @Test func onlyWhatAShellWouldReadOtherwiseIsQuoted() {
    #expect(
      ShellCommand.line(["probe", "report", "runs/a-1", "--name", "ViT B"])
        == "probe report runs/a-1 --name 'ViT B'")
    #expect(ShellCommand.line(["a'b", "$HOME", "", "*"]) == "'a'\\''b' '$HOME' '' '*'")
  }
}
