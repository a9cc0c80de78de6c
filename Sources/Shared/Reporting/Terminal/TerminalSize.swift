import Files

/// How much text a terminal shows.
public struct TerminalSize: Equatable, Sendable {
  public var columns: Int
  public var rows: Int

  public init(columns: Int, rows: Int) {
    precondition(columns > 0 && rows > 0, "no terminal has \(columns) x \(rows)")
    (self.columns, self.rows) = (columns, rows)
  }

  /// Of the terminal that stderr is; the usual size where it does not tell.
  public static var current: TerminalSize {
    guard let size = StandardError.terminalSize else { return TerminalSize(columns: 80, rows: 24) }
    return TerminalSize(columns: size.columns, rows: size.rows)
  }
}
