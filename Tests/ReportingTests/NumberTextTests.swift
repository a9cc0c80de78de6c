import Reporting
import Testing

@Suite struct NumberTextTests {
  @Test(arguments: [
    (0, "0.0 s"), (-1, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 0 s"),
    (192, "3 min 12 s"), (7500, "2 h 5 min"), (349_200, "4 d 1 h"), (.infinity, "unknown time"),
    (.nan, "unknown time"),
  ])
  func durations(_ seconds: Double, _ text: String) {
    #expect(NumberText.duration(seconds: seconds) == text)
  }

  @Test(arguments: [
    (1234.4, "1234"), (123.45, "123"), (12.34, "12.3"), (-1.234, "-1.23"), (0.0123, "0.012"), (0, "0.000"),
    (.nan, "not a number"), (-.infinity, "-infinite"),
  ])
  func threeDigits(_ value: Double, _ text: String) {
    #expect(NumberText.rounded(value) == text)
  }

  @Test(arguments: [
    (0, "0"), (4, "4"), (0.001234, "0.00123"), (12.34, "12.3"), (1234, "1234"), (0.1, "0.1"), (-2.5, "-2.5"),
    (9.999, "10"), (1.5e-7, "1.50e-07"), (3e12, "3.00e+12"), (.nan, "not a number"), (100, "100"),
  ])
  func digitsThatTellSomething(_ value: Double, _ text: String) {
    #expect(NumberText.significant(value) == text)
  }

  @Test(arguments: [
    (0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (1_234_567, "1.23 MB"), (302_592_000, "303 MB"),
    (27_000_000_000, "27.0 GB"), (Int.max, "9223 PB"),
  ])
  func bytes(_ count: Int, _ text: String) {
    #expect(NumberText.bytes(count) == text)
  }

  @Test func whatRoundsToZeroHasNoSign() {
    #expect(NumberText.fixed(-0.0001, 2) == "0.00")
    #expect(NumberText.fixed(-0.006, 2) == "-0.01")
    #expect(NumberText.percentage(0.71349) == "71.3 %")
  }
}
