/// The last lines on a terminal, which are written over again and again; what else is to be seen comes above them.
///
/// The cursor rests at the start of the line below. So whatever is written in between, an echoed `^C` or the shell's prompt
/// after a killed process, has a line of its own, and the next drawing clears it.
struct TerminalBlock {
  /// The columns of each line that is there.
  private var widths: [Int] = []

  /// - Parameters:
  ///   - lines: stand in the place of those that are there, each as far as it fits; without control characters.
  ///   - text: to be written above them, line ends included, once and for all.
  /// - Returns: what to write.
  mutating func drawing(_ lines: [String], below text: String = "", in size: TerminalSize) -> String {
    // The last column stays free: to write there leaves terminals in states that differ.
    let lines = lines.map { $0.prefix(columns: size.columns - 1) }
    let up = rowCount(in: size)
    widths = lines.map { String($0).columnCount }
    return (up > 0 ? "\u{1B}[\(up)A\r" : "\r")
      + (text.isEmpty ? "" : "\u{1B}[J" + text)
      // Lines are cleared behind their ends rather than before, so that nothing flickers.
      + lines.map { $0 + "\u{1B}[K\n" }.joined() + "\u{1B}[J"
  }

  /// The rows that the lines take: a terminal that has become narrower has wrapped what no longer fitted.
  private func rowCount(in size: TerminalSize) -> Int {
    widths.reduce(0) { $0 + max(1, ($1 + size.columns - 1) / size.columns) }
  }
}
