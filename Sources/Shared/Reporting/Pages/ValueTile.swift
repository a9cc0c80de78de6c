/// Numbers over a grid as small squares from dark to light: an attention map, one of many.
public struct ValueTile: Sendable {
  /// [rows, columns], row by row.
  public let values: [Float]
  public let columns: Int

  /// More would not be told apart, and squares of one colour share an element.
  private static let levelCount = 48

  public init(_ values: [Float], columns: Int) {
    precondition(
      columns > 0 && values.count.isMultiple(of: columns), "\(values.count) values in rows of \(columns)")
    self.values = values
    self.columns = columns
  }

  /// The least value is darkest and the greatest lightest; what is not finite is left out.
  func svg(alternativeText: String) -> String {
    let rows = values.count / columns
    let finite = values.filter(\.isFinite)
    let (low, high) = (finite.min() ?? 0, finite.max() ?? 1)
    var paths = [String](repeating: "", count: Self.levelCount)
    for (index, value) in values.enumerated() where value.isFinite {
      let share = high > low ? Double((value - low) / (high - low)) : 0
      let level = min(Self.levelCount - 1, Int(share * Double(Self.levelCount)))
      paths[level] += "M\(index % columns) \(index / columns)h1v1h-1z"
    }
    let elements = paths.indices.filter { !paths[$0].isEmpty }.map { level in
      let colour = ColourScale.css((Double(level) + 0.5) / Double(Self.levelCount))
      return "<path fill=\"\(colour)\" d=\"\(paths[level])\"/>"
    }
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(columns) \(rows)\""
      + " shape-rendering=\"crispEdges\" role=\"img\" aria-label=\"\(alternativeText.escapedForMarkup)\">"
      + "\(elements.joined())</svg>"
  }
}
