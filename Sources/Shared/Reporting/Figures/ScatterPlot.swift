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
  public let subject: String?
  public let x: Axis
  public let y: Axis
  public let series: [Series]
  /// Whether points' names are written beside them, where there is room.
  public let showsNames: Bool
  public let size: PlotSize

  /// More series than this have no legend: some would look alike, and it would be larger than the plot.
  private static let legendCount = FigureStyle.seriesCount
  /// More points than this have no names to read when pointing at them, which would make most of the page.
  private static let tipCount = 5000

  public init(
    _ title: String, of subject: String? = nil, x: Axis, y: Axis, series: [Series], showsNames: Bool = false,
    size: PlotSize = .full
  ) {
    self.showsNames = showsNames
    self.title = title
    self.subject = subject
    self.x = x
    self.y = y
    self.series = series
    self.size = size
  }

  private func shows(_ point: Point) -> Bool { x.shows(point.x) && y.shows(point.y) }

  public var alternativeText: String {
    let groups = series.prefix(Self.legendCount).map { line in
      let points = line.points.filter(shows)
      guard !points.isEmpty else { return "\(line.name): no points" }
      func mean(_ value: (Point) -> Double) -> String {
        NumberText.significant(points.map(value).reduce(0, +) / Double(points.count))
      }
      return "\(line.name): \(points.count) points around (\(mean(\.x)), \(mean(\.y)))"
    }
    let more = series.count - groups.count
    return "\(y.title) over \(x.title). "
      + (groups + (more > 0 ? ["and \(more) more"] : [])).joined(separator: "; ") + "."
  }

  public var picture: Picture {
    var picture = Picture(width: size.width, of: self)
    let names = series.map { $0.points.contains(where: shows) ? $0.name : nil }
    let top =
      names.count > Self.legendCount
      ? picture.headingBottom : picture.legend(names, hasLines: false, hasMarks: true)
    let points = series.flatMap(\.points).filter(shows)
    let frame = PlotFrame(
      x: x.scale(points.map(\.x), tickCount: Int(size.width / 70)),
      y: y.scale(points.map(\.y), tickCount: Int(size.height / 60)), top: top,
      size: PlotSize(width: size.width, height: size.height + top - 44))
    frame.draw(x, y, in: &picture)
    let hasTips = points.count <= Self.tipCount
    for (index, line) in series.enumerated() {
      for point in line.points where shows(point) {
        let place =
          "\(NumberText.significant(point.x)), \(NumberText.significant(point.y))"
        picture.mark(
          x: frame.x.place(point.x), y: frame.y.place(point.y), series: index, style: "spot",
          tip: hasTips ? "\(line.name), \(point.name): \(place)" : nil)
      }
    }
    if showsNames { writeNames(points, frame, &picture) }
    picture.height = frame.size.height
    return picture
  }

  /// Writes each name where it covers neither a point nor a name before it, and leaves out what fits nowhere.
  private func writeNames(_ points: [Point], _ frame: PlotFrame, _ picture: inout Picture) {
    var taken = points.map { point in
      Box(x: frame.x.place(point.x) - 4, y: frame.y.place(point.y) - 4, width: 8, height: 8)
    }
    // Beside outermost points names reach a little over the edges.
    let inside = Box(
      x: frame.left, y: frame.top - 8, width: frame.right + 8 - frame.left,
      height: frame.bottom + 16 - frame.top)
    for point in points {
      let (x, y) = (frame.x.place(point.x), frame.y.place(point.y))
      let width = Picture.textWidth(point.name) * 11 / 12
      let places = [
        Box(x: x + 7, y: y - 6, width: width, height: 12),
        Box(x: x - 7 - width, y: y - 6, width: width, height: 12),
        Box(x: x - width / 2, y: y - 19, width: width, height: 12),
        Box(x: x - width / 2, y: y + 7, width: width, height: 12),
      ]
      guard
        let free = places.first(where: { box in
          inside.holds(box) && !taken.contains { $0.meets(box) }
        })
      else { continue }
      taken.append(free)
      picture.text(point.name, x: free.x, y: free.y + 10, style: "tick")
    }
  }

  private struct Box {
    let x: Double
    let y: Double
    let width: Double
    let height: Double

    func meets(_ other: Box) -> Bool {
      x < other.x + other.width && other.x < x + width && y < other.y + other.height && other.y < y + height
    }

    func holds(_ other: Box) -> Bool {
      other.x >= x && other.x + other.width <= x + width && other.y >= y
        && other.y + other.height <= y + height
    }
  }
}
