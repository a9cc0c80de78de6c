/// Values over an axis, one line for each series: losses over epochs, statistics over blocks.
public struct LinePlot: Figure {
  public struct Point: Sendable {
    public var x: Double
    public var y: Double
    /// What is shaded around the line.
    public var band: ClosedRange<Double>?
    /// What a line up and down spans.
    public var whisker: ClosedRange<Double>?

    public init(
      x: Double, y: Double, band: ClosedRange<Double>? = nil, whisker: ClosedRange<Double>? = nil
    ) {
      (self.x, self.y, self.band, self.whisker) = (x, y, band, whisker)
    }
  }

  public struct Series: Sendable {
    public let name: String
    public let points: [Point]

    public init(_ name: String, points: [Point]) {
      self.name = name
      self.points = points
    }

    public init(_ name: String, _ points: [(x: Double, y: Double)]) {
      self.init(name, points: points.map { Point(x: $0.x, y: $0.y) })
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
  /// The name of the line where y equals x, to compare with; nil for none.
  public let equality: String?
  public let size: PlotSize

  public init(
    _ title: String, x: Axis, y: Axis, series: [Series], references: [(name: String, value: Double)] = [],
    equality: String? = nil, size: PlotSize = .full
  ) {
    self.title = title
    self.x = x
    self.y = y
    self.series = series
    self.references = references.filter { y.shows($0.value) }
    self.equality = equality
    self.size = size
  }

  private func shows(_ point: Point) -> Bool { x.shows(point.x) && y.shows(point.y) }

  public var alternativeText: String {
    let lines = series.map { line in
      let points = line.points.filter(shows)
      guard let first = points.first, let last = points.last else { return "\(line.name): no values" }
      return "\(line.name): from \(text(first)) to \(text(last))"
    }
    let bounds = references.map { "\($0.name): \(NumberText.significant($0.value))" }
    return "\(y.title) over \(x.title). " + (lines + bounds).joined(separator: "; ") + "."
  }

  private func text(_ point: Point) -> String {
    "\(NumberText.significant(point.y)) at \(NumberText.significant(point.x))"
  }

  public var picture: Picture {
    var picture = Picture(width: size.width, of: self)
    let top = picture.legend(
      series.map { $0.points.contains(where: shows) ? $0.name : nil }, reference: equality, hasMarks: hasMarks
    )
    let points = series.flatMap(\.points).filter(shows)
    let spreads = points.flatMap { [$0.band, $0.whisker].compactMap { $0 } }
    let frame = PlotFrame(
      x: x.scale(points.map(\.x), tickCount: Int(size.width / 70), isWidened: false),
      y: y.scale(
        points.map(\.y) + references.map(\.value) + spreads.flatMap { [$0.lowerBound, $0.upperBound] },
        tickCount: Int(size.height / 60)),
      top: top, size: PlotSize(width: size.width, height: size.height + top - 44), inset: hasMarks ? 12 : 0)
    frame.draw(x, y, in: &picture)
    for reference in references {
      let place = frame.y.place(reference.value)
      picture.line("reference", frame.left, place, frame.right, place)
      // Below the line where there is no room above it.
      picture.text(
        reference.name, x: frame.right - 2, y: place - top < 14 ? place + 13 : place - 4, anchor: .end,
        style: "tick")
    }
    if equality != nil { drawEquality(frame, &picture) }
    for (index, line) in series.enumerated() { drawSpread(line, index, frame, &picture) }
    for (index, line) in series.enumerated() { draw(line, index, frame, &picture) }
    picture.height = frame.size.height
    return picture
  }

  private func drawEquality(_ frame: PlotFrame, _ picture: inout Picture) {
    let (low, high) = (max(frame.x.low, frame.y.low), min(frame.x.high, frame.y.high))
    guard low < high else { return }
    picture.line(
      "reference", frame.x.place(low), frame.y.place(low), frame.x.place(high), frame.y.place(high))
  }

  /// Marks only where there is room for them.
  private var hasMarks: Bool { series.allSatisfy { $0.points.count <= 40 } }

  private func drawSpread(_ line: Series, _ index: Int, _ frame: PlotFrame, _ picture: inout Picture) {
    for run in line.points.split(whereSeparator: { !shows($0) || $0.band == nil }) where run.count > 1 {
      let lower = run.map { (x: frame.x.place($0.x), y: frame.y.place($0.band!.lowerBound)) }
      let upper = run.map { (x: frame.x.place($0.x), y: frame.y.place($0.band!.upperBound)) }
      picture.band(lower + upper.reversed(), series: index)
    }
    // Those of several series stand side by side.
    let shift = (Double(index) - Double(series.count - 1) / 2) * min(4, 20 / Double(series.count))
    for point in line.points where shows(point) {
      guard let whisker = point.whisker else { continue }
      picture.whisker(
        x: frame.x.place(point.x) + shift, from: frame.y.place(whisker.lowerBound),
        to: frame.y.place(whisker.upperBound), series: index)
    }
  }

  /// Values that are not finite leave gaps.
  private func draw(_ line: Series, _ index: Int, _ frame: PlotFrame, _ picture: inout Picture) {
    for run in line.points.split(whereSeparator: { !shows($0) }) {
      let places = run.map { (x: frame.x.place($0.x), y: frame.y.place($0.y)) }
      if places.count > 1 { picture.path(places, series: index) }
      guard hasMarks || places.count == 1 else { continue }
      for (point, place) in zip(run, places) {
        picture.mark(x: place.x, y: place.y, series: index, tip: "\(line.name): \(text(point))")
      }
    }
  }
}
