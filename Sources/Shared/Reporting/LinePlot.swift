/// Values over an axis, one line for each series: losses over epochs, statistics over blocks.
public struct LinePlot: Figure {
  public struct Series: Sendable {
    public let name: String
    public let points: [(x: Double, y: Double)]

    public init(_ name: String, _ points: [(x: Double, y: Double)]) {
      self.name = name
      self.points = points
    }

    /// Values at 0, 1, 2, ...
    public init(_ name: String, values: [Double]) {
      self.init(name, values.enumerated().map { (Double($0.offset), $0.element) })
    }
  }

  public let title: String
  public let x: Axis
  public let y: Axis
  public let series: [Series]
  /// Horizontal lines to compare with, such as an upper bound.
  public let references: [(name: String, value: Double)]

  public init(
    _ title: String, x: Axis, y: Axis, series: [Series], references: [(name: String, value: Double)] = []
  ) {
    self.title = title
    self.x = x
    self.y = y
    self.series = series
    self.references = references.filter(\.value.isFinite)
  }

  public var alternativeText: String {
    let lines = series.map { line in
      let points = line.points.filter { $0.x.isFinite && $0.y.isFinite }
      guard let first = points.first, let last = points.last else { return "\(line.name): no values" }
      let ends = "from \(NumberText.rounded(first.y)) at \(NumberText.rounded(first.x))"
      return "\(line.name): \(ends) to \(NumberText.rounded(last.y)) at \(NumberText.rounded(last.x))"
    }
    let bounds = references.map { "\($0.name): \(NumberText.rounded($0.value))" }
    return "\(y.title) over \(x.title). " + (lines + bounds).joined(separator: "; ") + "."
  }

  public var picture: String {
    var picture = Picture(width: 720, title: title, alternativeText: alternativeText)
    let top = 44 + picture.legend(series.map(\.name), top: 48)
    let points = series.flatMap(\.points).filter { $0.x.isFinite && $0.y.isFinite }
    let across = AxisScale(
      points.map(\.x) + x.includes, tickCount: 10, widened: false, isWhole: x.isWhole, from: 72,
      to: 700)
    let up = AxisScale(
      points.map(\.y) + y.includes + references.map(\.value), isWhole: y.isWhole, from: 352, to: top)
    drawAxes(across, up, top, &picture)
    for reference in references {
      let place = up.place(reference.value)
      picture.line("reference", 72, place, 700, place)
      picture.text(reference.name, x: 698, y: place - 4, anchor: .end, style: "tick")
    }
    for (index, line) in series.enumerated() { draw(line, index, across, up, &picture) }
    return picture.svg(height: 400)
  }

  private func drawAxes(_ across: AxisScale, _ up: AxisScale, _ top: Double, _ picture: inout Picture) {
    for tick in up.ticks {
      let place = up.place(tick)
      picture.line("grid", 72, place, 700, place)
      picture.text(up.text(tick), x: 66, y: place + 4, anchor: .end, style: "tick")
    }
    for tick in across.ticks {
      let place = across.place(tick)
      picture.line("axis", place, 352, place, 356)
      picture.text(across.text(tick), x: place, y: 370, anchor: .middle, style: "tick")
    }
    picture.line("axis", 72, 352, 700, 352)
    picture.text(x.title, x: 386, y: 390, anchor: .middle)
    picture.text(y.title, x: 20, y: (352 + top) / 2, anchor: .middle, turned: true)
  }

  /// Values that are not finite leave gaps. Dots only where there is room for them.
  private func draw(
    _ line: Series, _ index: Int, _ across: AxisScale, _ up: AxisScale, _ picture: inout Picture
  ) {
    let hasDots = line.points.count <= 60
    for run in line.points.split(whereSeparator: { !$0.x.isFinite || !$0.y.isFinite }) {
      let places = run.map { (x: across.place($0.x), y: up.place($0.y)) }
      if places.count > 1 { picture.path(places, series: index) }
      guard hasDots || places.count == 1 else { continue }
      for (point, place) in zip(run, places) {
        let tip = "\(line.name): \(NumberText.rounded(point.y)) at \(NumberText.rounded(point.x))"
        picture.dot(x: place.x, y: place.y, series: index, tip: tip)
      }
    }
  }
}
