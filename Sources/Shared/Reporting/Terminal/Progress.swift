import Files
import Synchronization

/// How far a long piece of work is, on stderr: on a terminal one line that keeps itself up to date, and more of them below
/// it where there is more to see; elsewhere a plain line now and then, so that a log stays readable.
///
/// Any thread may report. What is written when:
/// - terminal: at most ten times a second, over the same lines;
/// - plain: at most once per `interval`;
/// - quiet: notes only.
public final class Progress: Sendable {
  public enum Style: Sendable {
    /// Terminal if stderr is one, plain otherwise.
    case automatic
    case terminal, plain, quiet
  }

  /// Seconds since any fixed moment; never goes back.
  public typealias Clock = @Sendable () -> Double
  /// Takes text as it is to be written, line ends included.
  public typealias Sink = @Sendable (String) -> Void
  /// What to show below the line, made when it is due.
  ///
  /// - Parameter size: what the terminal has room for below the line.
  public typealias Details = @Sendable (_ size: TerminalSize) -> [String]

  private let doing: String
  private let unit: String
  private let total: Int?
  private let style: Style
  private let interval: Double
  private let details: Details
  private let clock: Clock
  private let size: @Sendable () -> TerminalSize
  private let turn: @Sendable () -> Int?
  private let sink: Sink
  private let state: Mutex<State>

  private struct State {
    var done: Int
    /// Of these, what ``skip(_:)`` added.
    var skipped = 0
    var detail = ""
    var lastWrite: Double
    /// On a terminal.
    var block = TerminalBlock()
    /// The turn at the terminal in which the block was drawn.
    var turn: Int?
    var isFinished = false
    /// What was done when, at least a second apart, over the last half minute.
    var history: [(time: Double, done: Int)]
  }

  private static let terminalInterval = 0.1
  /// Over how many seconds the rate is taken: long enough to be calm, short enough to follow changes.
  private static let rateWindow = 30.0

  /// - Parameters:
  ///   - doing: what is being done, as in "Extracting".
  ///   - unit: what is counted, in the plural: "images".
  ///   - total: how many there are in all, if known.
  ///   - alreadyDone: how many an earlier run did; they count as done but not towards the rate.
  ///   - interval: seconds between two plain lines.
  ///   - details: must not report to this progress.
  ///   - turn: tells the times apart that this process has had the terminal to itself; nil while others have it.
  public init(
    _ doing: String, unit: String, total: Int?, alreadyDone: Int = 0, style: Style = .automatic,
    interval: Double = 10, details: @escaping Details = { _ in [] }, clock: Clock? = nil,
    size: @escaping @Sendable () -> TerminalSize = { .current }, turn: (@Sendable () -> Int?)? = nil,
    sink: Sink? = nil
  ) {
    precondition(interval >= 0, "an interval cannot be \(interval) seconds")
    let clock = clock ?? Progress.monotonicClock()
    self.doing = doing.printable
    self.unit = unit
    self.total = total
    self.style = style == .automatic ? (StandardError.isTerminal ? .terminal : .plain) : style
    self.interval = interval
    self.details = details
    self.clock = clock
    self.size = size
    self.turn = turn ?? JobControl.turn
    if turn == nil, self.style == .terminal { JobControl.listen() }
    self.sink = sink ?? { StandardError.write($0) }
    start = (clock(), alreadyDone)
    state = Mutex(State(done: alreadyDone, lastWrite: start.time, history: [start]))
  }

  private let start: (time: Double, done: Int)

  private static func monotonicClock() -> Clock {
    let start = ContinuousClock.now
    return { (ContinuousClock.now - start) / .seconds(1) }
  }

  /// Counts finished units.
  ///
  /// - Parameter detail: what else is worth seeing, such as the current loss; stays until replaced.
  public func advance(by count: Int = 1, detail: String? = nil) { advance(detail) { $0 += count } }

  /// Counts finished units where it is known how many there are in all.
  public func advance(to count: Int, detail: String? = nil) { advance(detail) { $0 = count } }

  private func advance(_ detail: String?, _ change: (inout Int) -> Void) {
    state.withLock { state in
      change(&state.done)
      if let detail { state.detail = detail.printable }
      guard style != .quiet, !state.isFinished else { return }
      let now = clock()
      remember(now, &state)
      switch style {
      case .terminal where now - state.lastWrite >= Self.terminalInterval:
        state.lastWrite = now
        draw([line(now, state)], &state)
      case .plain where now - state.lastWrite >= interval:
        state.lastWrite = now
        sink(line(now, state) + "\n")
      default: break
      }
    }
  }

  /// On a terminal, draws at once, before the first unit is finished.
  public func show() {
    state.withLock { state in
      guard style == .terminal, !state.isFinished else { return }
      draw([line(clock(), state)], &state)
    }
  }

  /// Counts units that an earlier run did, found on the way: done, but no part of the rate.
  public func skip(_ count: Int) {
    state.withLock { state in
      state.done += count
      state.skipped += count
      for index in state.history.indices { state.history[index].done += count }
    }
  }

  /// Writes a line of its own, in every style: something that the user should know.
  public func note(_ text: String) {
    state.withLock { state in
      let text = text.printable + "\n"
      guard style == .terminal, !state.isFinished else { return sink(text) }
      draw([line(clock(), state)], below: text, &state)
    }
  }

  /// Ends with a line that says how much was done in which time, also if it is less than the total; what stands below it
  /// stays. Does nothing the second time.
  ///
  /// - Parameter detail: in the place of the one so far.
  public func finish(detail: String? = nil) {
    state.withLock { state in
      guard style != .quiet, !state.isFinished else { return }
      state.isFinished = true
      if let detail { state.detail = detail.printable }
      let seconds = clock() - start.time
      let count = state.done - start.done - state.skipped
      var text = "\(doing): \(quantity(state.done)) in \(NumberText.duration(seconds: seconds))"
      if count > 0, seconds > 0 { text += ", \(NumberText.rounded(Double(count) / seconds)) \(unit)/s" }
      if !state.detail.isEmpty { text += ", \(state.detail)" }
      text += "\n"
      // Nothing is written over it any more, so that it may take more than one row.
      if style == .terminal { draw([], below: text, &state) } else { sink(text) }
    }
  }

  /// Writes over what is on the terminal. In the background it belongs to others, and only what stays is written; when it
  /// comes back, nobody knows what has become of the lines that were there.
  private func draw(_ lines: [String], below text: String = "", _ state: inout State) {
    let turn = turn()
    if turn != state.turn { (state.turn, state.block) = (turn, TerminalBlock()) }
    guard turn != nil else { return text.isEmpty ? () : sink(text) }
    let size = size()
    // One row is the line's and one the cursor's.
    let room = size.rows - 2
    let more = room > 0 ? details(TerminalSize(columns: size.columns, rows: room)) : []
    sink(state.block.drawing(lines + more.map(\.printable), below: text, in: size))
  }

  private func remember(_ now: Double, _ state: inout State) {
    guard now - state.history[state.history.count - 1].time >= 1 else { return }
    state.history.append((now, state.done))
    // The oldest one kept is the youngest that is at least a window old.
    while state.history.count > 2, now - state.history[1].time >= Self.rateWindow {
      state.history.removeFirst()
    }
  }

  private func quantity(_ done: Int) -> String {
    guard let total else { return "\(done) \(unit)" }
    return "\(done) of \(total) \(unit)"
  }

  /// `Extracting: 1200 of 10000 images, 12 %, 52.1 images/s, 2 min 49 s left`.
  private func line(_ now: Double, _ state: State) -> String {
    var parts = [quantity(state.done)]
    if let total, total > 0 {
      parts.append(NumberText.percentage(Double(state.done) / Double(total), digits: 0))
    }
    let past = state.history[0]
    if now > past.time, state.done > past.done {
      let rate = Double(state.done - past.done) / (now - past.time)
      parts.append("\(NumberText.rounded(rate)) \(unit)/s")
      if let total, total > state.done {
        parts.append("\(NumberText.duration(seconds: Double(total - state.done) / rate)) left")
      }
    }
    if !state.detail.isEmpty { parts.append(state.detail) }
    return "\(doing): " + parts.joined(separator: ", ")
  }
}
