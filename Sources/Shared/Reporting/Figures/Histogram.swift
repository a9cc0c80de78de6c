/// How often values occur: outlines of counts in bins, one for each series.
public struct Histogram: Figure {
  public struct Series: Sendable {
    public let name: String
    /// [edges - 1]
    public let counts: [Int]

    public init(_ name: String, counts: [Int]) {
      self.name = name
      self.counts = counts
    }
  }

  public let title: String
  public let x: Axis
  public let y: Axis
  /// Ascending.
  public let edges: [Double]
  public let series: [Series]
  /// Values to compare with, as lines up and down.
  public let references: [(name: String, value: Double)]
  public let size: PlotSize

  public init(
    _ title: String, x: Axis, y: Axis, edges: [Double], series: [Series],
    references: [(name: String, value: Double)] = [], size: PlotSize = .full
  ) {
    for line in series {
      precondition(
        line.counts.count == max(0, edges.count - 1),
        "\(line.counts.count) counts between \(edges.count) edges")
    }
    self.title = title
    self.x = x
    self.y = y
    self.edges = edges
    self.series = series
    self.references = references.filter { x.shows($0.value) }
    self.size = size
  }

  public var alternativeText: String {
    let lines = series.map { line in
      guard let most = line.counts.indices.max(by: { line.counts[$0] < line.counts[$1] }) else {
        return "\(line.name): no values"
      }
      return "\(line.name): \(line.counts.reduce(0, +)) in all, most (\(line.counts[most])) in \(bin(most))"
    }
    let marks = references.map { "\($0.name): \(NumberText.significant($0.value))" }
    return "\(y.title) over \(x.title). " + (lines + marks).joined(separator: "; ") + "."
  }

  private func bin(_ index: Int) -> String {
    "\(NumberText.significant(edges[index])) to \(NumberText.significant(edges[index + 1]))"
  }

  public var picture: Picture {
    var picture = Picture(width: size.width, of: self)
    let top = picture.legend(series.map(\.name))
    let counts = series.flatMap { $0.counts.map(Double.init) }
    // On a logarithmic axis, a single one must stand above the ground.
    let frame = PlotFrame(
      x: x.scale(edges, tickCount: Int(size.width / 70), isWidened: false),
      y: y.scale(counts + [y.isLogarithmic ? 0.5 : 0], tickCount: Int(size.height / 60)), top: top,
      size: PlotSize(width: size.width, height: size.height + top - 44))
    frame.draw(x, y, in: &picture)
    for reference in references {
      let place = frame.x.place(reference.value)
      picture.line("reference", place, top, place, frame.bottom)
      // Before the line where there is no room behind it.
      let isLate = place + 8 + Picture.textWidth(reference.name) > frame.right
      picture.text(
        reference.name, x: place + (isLate ? -4 : 4), y: top + 12, anchor: isLate ? .end : .start,
        style: "tick")
    }
    for (index, line) in series.enumerated() { draw(line, index, frame, &picture) }
    picture.height = frame.size.height
    return picture
  }

  private func draw(_ line: Series, _ index: Int, _ frame: PlotFrame, _ picture: inout Picture) {
    func height(_ count: Int) -> Double { count == 0 ? frame.bottom : frame.y.place(Double(count)) }
    let steps = line.counts.indices.flatMap { bin in
      [
        (x: frame.x.place(edges[bin]), y: height(line.counts[bin])),
        (x: frame.x.place(edges[bin + 1]), y: height(line.counts[bin])),
      ]
    }
    guard let first = steps.first, let last = steps.last else { return }
    // Areas of many series would cover each other.
    if series.count <= 3 {
      picture.band([(first.x, frame.bottom)] + steps + [(last.x, frame.bottom)], series: index)
    }
    picture.path([(first.x, frame.bottom)] + steps + [(last.x, frame.bottom)], series: index)
  }
}
