import Testing

import Commands

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
