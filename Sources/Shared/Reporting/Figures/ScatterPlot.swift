/// Places of things in two dimensions, in groups: embeddings of images by class, accuracies over costs by head.
public struct ScatterPlot: Figure {
  public struct Point: Sendable {
    public let x: Double
    public let y: Double
    /// What a viewer reads when pointing there.
    public let name: String

    public init(x: Double, y: Double, name: String) {
      (self.x, self.y, self.name) = (x, y, name)
    }
  }

  public struct Series: Sendable {
    public let name: String
    public let points: [Point]

    public init(_ name: String, _ points: [Point]) {
      self.name = name
      self.points = points
    }
  }

  public let title: String
  public let x: Axis
  public let y: Axis
  public let series: [Series]
  public let size: PlotSize

  public init(_ title: String, x: Axis, y: Axis, series: [Series], size: PlotSize = .full) {
    self.title = title
    self.x = x
    self.y = y
    self.series = series
    self.size = size
  }

  private func shows(_ point: Point) -> Bool { x.shows(point.x) && y.shows(point.y) }

  public var alternativeText: String {
    let groups = series.map { line in
      let points = line.points.filter(shows)
      guard !points.isEmpty else { return "\(line.name): no points" }
      func mean(_ value: (Point) -> Double) -> String {
        NumberText.significant(points.map(value).reduce(0, +) / Double(points.count))
      }
      return "\(line.name): \(points.count) points around (\(mean(\.x)), \(mean(\.y)))"
    }
    return "\(y.title) over \(x.title). \(groups.joined(separator: "; "))."
  }

  public var picture: Picture {
    var picture = Picture(width: size.width, of: self)
    let top =
      44
      + picture.legend(
        series.map { $0.points.contains(where: shows) ? $0.name : nil }, top: 48, hasLines: false,
        hasMarks: true)
    let points = series.flatMap(\.points).filter(shows)
    let frame = PlotFrame(
      x: x.scale(points.map(\.x), tickCount: Int(size.width / 70)),
      y: y.scale(points.map(\.y), tickCount: Int(size.height / 60)), top: top,
      size: PlotSize(width: size.width, height: size.height + top - 44))
    frame.draw(x, y, in: &picture)
    for (index, line) in series.enumerated() {
      for point in line.points where shows(point) {
        let place =
          "\(NumberText.significant(point.x)), \(NumberText.significant(point.y))"
        picture.mark(
          x: frame.x.place(point.x), y: frame.y.place(point.y), series: index, style: "spot",
          tip: "\(line.name), \(point.name): \(place)")
      }
    }
    picture.height = frame.size.height
    return picture
  }
}
