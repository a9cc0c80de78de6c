import Reporting
import Synchronization
import TestSupport
import Testing

/// A terminal to look at, with a clock that is set by hand.
private final class Watcher: Sendable {
  private struct State {
    var screen: Screen
    var size: TerminalSize
    var time = 0.0
    var writes = 0
    var details: [String] = []
    /// Which of its turns at the terminal the program has.
    var turn: Int? = 0
    var askedFor: [TerminalSize] = []
  }

  private let state: Mutex<State>

  init(columns: Int, rows: Int) {
    state = Mutex(
      State(
        screen: Screen(columns: columns, rows: rows), size: TerminalSize(columns: columns, rows: rows)))
  }

  var lines: [String] { state.withLock { $0.screen.lines } }
  var writes: Int { state.withLock { $0.writes } }
  var askedFor: [TerminalSize] { state.withLock { $0.askedFor } }

  func wait(_ seconds: Double) { state.withLock { $0.time += seconds } }
  func pass(to turn: Int?) { state.withLock { $0.turn = turn } }
  func detail(_ lines: [String]) { state.withLock { $0.details = lines } }
  /// Writes without the progress's knowledge.
  func echo(_ text: String) { state.withLock { $0.screen.show(text) } }

  func resize(columns: Int, rows: Int) {
    state.withLock {
      $0.size = TerminalSize(columns: columns, rows: rows)
      $0.screen.resize(columns: columns, rows: rows)
    }
  }

  func progress(total: Int? = 100) -> Progress {
    Progress(
      "Training", unit: "batches", total: total, style: .terminal,
      details: { size in
        self.state.withLock {
          $0.askedFor.append(size)
          return Array($0.details.prefix(size.rows))
        }
      },
      clock: { self.state.withLock { $0.time } }, size: { self.state.withLock { $0.size } },
      turn: { self.state.withLock { $0.turn } },
      sink: { text in
        self.state.withLock {
          $0.screen.show(text)
          $0.writes += 1
        }
      })
  }
}

/// What a person sees of a progress on a terminal.
@Suite struct TerminalTests {
  @Test func oneLineIsWrittenOverTenTimesASecond() {
    let watcher = Watcher(columns: 80, rows: 24)
    let progress = watcher.progress(total: 1_000_000)
    for _ in 0..<100 {
      watcher.wait(0.01)
      progress.advance()
    }
    #expect((9...11).contains(watcher.writes), "ten times a second, not \(watcher.writes)")
    #expect(watcher.askedFor.count == watcher.writes, "details are made only when they are shown")
    #expect(watcher.lines.count == 1 && watcher.lines[0].hasPrefix("Training: "), "\(watcher.lines)")
    progress.finish()
    progress.finish()
    progress.advance()
    #expect(watcher.lines == ["Training: 100 of 1000000 batches in 1.0 s, 100.0 batches/s"])
  }

  @Test func aLineEndsBeforeTheTerminalDoes() {
    let watcher = Watcher(columns: 40, rows: 24)
    let progress = watcher.progress()
    watcher.wait(1)
    progress.advance(detail: String(repeating: "long ", count: 50))
    #expect(watcher.lines == ["Training: 1 of 100 batches, 1 %, 1.00 b"])
  }

  @Test func wideCharactersTakeTwoColumns() {
    let watcher = Watcher(columns: 12, rows: 24)
    let progress = watcher.progress(total: nil)
    watcher.detail(["漢字漢字漢字漢字", "a漢字漢字漢字漢字", "e\u{301}e\u{301}e\u{301} \u{1F600}\u{1F600}\u{1F600}\u{1F600}"])
    for _ in 0..<3 {
      watcher.wait(1)
      progress.advance()
    }
    #expect(
      watcher.lines == [
        "Training: 3", "漢字漢字漢", "a漢字漢字漢", "e\u{301}e\u{301}e\u{301} \u{1F600}\u{1F600}\u{1F600}",
      ])
  }

  @Test func linesBelowComeAndGo() {
    let watcher = Watcher(columns: 80, rows: 24)
    let progress = watcher.progress()
    watcher.echo("$ probe train\n")
    for details in [
      ["one"], ["one", "two", "three"], ["a longer one", "\u{1B}[2Jtwo\n"], [], ["one", "two"],
    ] {
      watcher.detail(details)
      watcher.wait(1)
      progress.advance()
    }
    #expect(
      watcher.lines == [
        "$ probe train", "Training: 5 of 100 batches, 5 %, 1.00 batches/s, 1 min 35 s left", "one", "two",
      ])
    watcher.detail(["at the end"])
    progress.finish()
    #expect(
      watcher.lines == ["$ probe train", "Training: 5 of 100 batches in 5.0 s, 1.00 batches/s", "at the end"])
  }

  @Test func notesStandAbove() {
    let watcher = Watcher(columns: 30, rows: 24)
    let progress = watcher.progress()
    progress.note("first")
    watcher.detail(["cls 71 %", "pos 70 %"])
    watcher.wait(1)
    progress.advance()
    progress.note("cannot decode a\u{1B}[2Jb.jpg, which takes more than a line")
    progress.note("last")
    watcher.wait(1)
    progress.advance()
    progress.finish()
    progress.note("afterwards")
    #expect(
      watcher.lines == [
        "first", "cannot decode a\u{FFFD}[2Jb.jpg, whic", "h takes more than a line", "last",
        "Training: 2 of 100 batches in", "2.0 s, 1.00 batches/s", "cls 71 %", "pos 70 %", "afterwards",
      ])
  }

  /// What the terminal echoes while the program runs stands where the next drawing clears it.
  @Test func controlCLeavesNothingBehind() {
    let watcher = Watcher(columns: 60, rows: 24)
    let progress = watcher.progress()
    watcher.detail(["cls 71 %"])
    for _ in 0..<3 {
      watcher.wait(1)
      progress.advance()
      watcher.echo("^C")
    }
    progress.finish()
    watcher.echo("probe: error: stopped\n")
    #expect(
      watcher.lines == [
        "Training: 3 of 100 batches in 3.0 s, 1.00 batches/s", "cls 71 %", "probe: error: stopped",
      ])
  }

  /// The shell has written below the lines, so that they stay, and others come below.
  @Test func whoComesBackFromCtrlZDrawsAnew() {
    let watcher = Watcher(columns: 60, rows: 24)
    let progress = watcher.progress()
    watcher.detail(["cls 71 %"])
    watcher.wait(1)
    progress.advance()
    watcher.echo("^Z\n[1]+  Stopped\n$ fg\nprobe train\n")
    watcher.pass(to: 1)
    for _ in 0..<2 {
      watcher.wait(1)
      progress.advance()
    }
    #expect(
      watcher.lines == [
        "Training: 1 of 100 batches, 1 %, 1.00 batches/s, 1 min 39 s".prefix(59).description, "cls 71 %",
        "^Z",
        "[1]+  Stopped", "$ fg", "probe train",
        "Training: 3 of 100 batches, 3 %, 1.00 batches/s, 1 min 37 s".prefix(59).description, "cls 71 %",
      ])
  }

  @Test func inTheBackgroundOnlyWhatStaysIsWritten() {
    let watcher = Watcher(columns: 60, rows: 24)
    let progress = watcher.progress()
    watcher.detail(["cls 71 %"])
    watcher.pass(to: nil)
    watcher.echo("$ ")
    for _ in 0..<3 {
      watcher.wait(1)
      progress.advance()
    }
    #expect(watcher.lines == ["$"])
    progress.note("a head was given up")
    watcher.echo("$ ls\n")
    progress.finish()
    #expect(
      watcher.lines == [
        "$ a head was given up", "$ ls", "Training: 3 of 100 batches in 3.0 s, 1.00 batches/s",
      ])
  }

  @Test func whatIsShownNeedNotBeWaitedFor() {
    let watcher = Watcher(columns: 60, rows: 24)
    let progress = watcher.progress()
    watcher.detail(["cls 0/4"])
    progress.advance()
    #expect(watcher.writes == 0)
    progress.show()
    #expect(watcher.lines == ["Training: 1 of 100 batches, 1 %", "cls 0/4"])
  }

  @Test func aResizedTerminalIsWrittenOver() {
    let watcher = Watcher(columns: 90, rows: 24)
    let progress = watcher.progress()
    watcher.echo("$ probe train\n")
    let long = "a head with a name that takes the whole of a wide terminal, and its accuracy at its end: 71 %"
    watcher.detail([long, "", "a short one"])
    var done = 0
    for columns in [90, 31, 15, 200, 48, 100] {
      watcher.resize(columns: columns, rows: 24)
      watcher.wait(1)
      progress.advance()
      done += 1
      let line = "Training: \(done) of 100 batches, \(done) %, 1.00 batches/s"
      #expect(watcher.lines.count == 5, "\(watcher.lines)")
      #expect(watcher.lines[0] == "$ probe train")
      for (shown, whole) in zip(watcher.lines.dropFirst(), [line, long, "", "a short one"]) {
        var cut = whole.prefix(columns - 1)
        while cut.last == " " { cut.removeLast() }
        #expect(shown.hasPrefix(cut), "\(watcher.lines)")
        #expect(shown.count < columns)
      }
    }
  }

  @Test(arguments: [2, 3, 6])
  func aLowTerminalShowsWhatFits(rows: Int) {
    let watcher = Watcher(columns: 80, rows: rows)
    let progress = watcher.progress()
    watcher.detail((0..<9).map { "head \($0)" })
    for _ in 0..<4 {
      watcher.wait(1)
      progress.advance()
    }
    #expect(watcher.lines.dropFirst() == (0..<max(0, rows - 2)).map { "head \($0)" }[...], "\(watcher.lines)")
    #expect(watcher.askedFor.allSatisfy { $0.rows == rows - 2 })
  }
}

@Suite struct SparklineTests {
  @Test func eightHeightsSpanTheRange() {
    #expect(Sparkline.text([0, 1, 2, 3, 4, 5, 6, 7, 8], in: 0...8) == "▁▂▃▄▅▆▇██")
    #expect(Sparkline.text([0.5, nil, 0.75, .nan, 2, -1], in: 0.5...0.75) == "▁ █ █▁")
    #expect(Sparkline.text([0.3, 0.3], in: 0.3...0.3) == "▅▅")
  }

  @Test func cellsFillAsTheCurveGrows() {
    #expect(Sparkline.cells([1, 2], of: 4, limit: 16) == [1, 2, nil, nil])
    #expect(Sparkline.cells([1, 2, 6], of: 8, limit: 4) == [1.5, 6, nil, nil])
    // 7 epochs in 3 cells: 0 1 2, 3 4, 5 6.
    #expect(Sparkline.cells([0, 1, 2, 3, 4, 5, 6], of: 7, limit: 3) == [1, 3.5, 5.5])
    #expect(Sparkline.cells([], of: 2, limit: 16) == [nil, nil])
  }

  @Test(arguments: [1, 15, 16, 17, 90, 1000])
  func everyEpochIsInOneCell(length: Int) {
    let cells = Sparkline.cells([Double](repeating: 1, count: length), of: length, limit: 16)
    #expect(cells == [Double](repeating: 1, count: min(16, length)))
    // The mean of the last cell is that of epochs behind all others.
    let last = Sparkline.cells((0..<length).map(Double.init), of: length, limit: 16)
    #expect(zip(last, last.dropFirst()).allSatisfy { $0! < $1! })
  }
}
