/// A curve within a line of text.
package enum Sparkline {
  private static let blocks = Array("▁▂▃▄▅▆▇█")

  /// One of eight heights a cell; a space where there is no value.
  ///
  /// - Parameter range: of the lowest and the highest block, so that curves of the same range compare.
  package static func text(_ cells: [Double?], in range: ClosedRange<Double>) -> String {
    let scale = Double(blocks.count) / (range.upperBound - range.lowerBound)
    return String(
      cells.map { cell -> Character in
        guard let cell, cell.isFinite else { return " " }
        guard scale.isFinite else { return blocks[blocks.count / 2] }
        return blocks[min(max(0, Int((cell - range.lowerBound) * scale)), blocks.count - 1)]
      })
  }

  /// The means of the parts of a curve that grows up to a known length.
  ///
  /// - Parameters:
  ///   - length: of the whole curve; what is missing at its end is nil.
  ///   - limit: so many parts at most.
  package static func cells(_ values: [Double], of length: Int, limit: Int) -> [Double?] {
    let count = min(limit, length)
    return (0..<count).map { cell in
      // Value i belongs to cell i * count / length, rounded down.
      let part = (cell * length + count - 1) / count..<((cell + 1) * length + count - 1) / count
      let own = values[min(part.lowerBound, values.count)..<min(part.upperBound, values.count)]
      return own.isEmpty ? nil : own.reduce(0, +) / Double(own.count)
    }
  }
}
