import Foundation

/// Numbers over two axes as colours: heads by blocks, learning rates by weight decays, a confusion matrix.
public struct HeatMap: Figure {
  public struct Side: Sendable {
    public let name: String
    public let labels: [String]

    public init(_ name: String, labels: [String]) {
      self.name = name
      self.labels = labels
    }
  }

  public let title: String
  public let subject: String?
  public let rows: Side
  public let columns: Side
  /// What the colours mean, and values that their range includes.
  public let scale: Axis
  /// [rows, columns]; nil where there is no value.
  public let values: [[Double?]]
  public let size: PlotSize

  public init(
    _ title: String, of subject: String? = nil, rows: Side, columns: Side, scale: Axis, values: [[Double?]],
    size: PlotSize = .half
  ) {
    precondition(
      values.count == rows.labels.count && values.allSatisfy { $0.count == columns.labels.count },
      "\(values.map(\.count)) values for \(rows.labels.count) rows of \(columns.labels.count)")
    self.title = title
    self.subject = subject
    self.rows = rows
    self.columns = columns
    self.scale = scale
    self.values = values.map { $0.map { $0.flatMap { scale.shows($0) ? $0 : nil } } }
    self.size = size
  }

  public var alternativeText: String {
    let all = values.enumerated().flatMap { row, line in
      line.enumerated().compactMap { column, value in value.map { (value: $0, row: row, column: column) } }
    }
    guard let least = all.min(by: { $0.value < $1.value }), let most = all.max(by: { $0.value < $1.value })
    else {
      return "\(scale.title) by \(rows.name) and \(columns.name): no values."
    }
    func text(_ cell: (value: Double, row: Int, column: Int)) -> String {
      "\(NumberText.significant(cell.value)) at \(place(cell.row, cell.column))"
    }
    return "\(scale.title) by \(rows.name) and \(columns.name): from \(text(least)) to \(text(most))."
  }

  private func place(_ row: Int, _ column: Int) -> String {
    "\(rows.name) \(rows.labels[row]), \(columns.name) \(columns.labels[column])"
  }

  public var picture: Picture {
    var picture = Picture(width: size.width, of: self)
    let range = scale.scale(values.joined().compactMap { $0 }, isWidened: false)
    let labelWidth = min(size.width * 0.3, rows.labels.map { Picture.textWidth($0) }.max() ?? 0)
    let left = 40 + labelWidth
    let right = size.width - 70
    let width = (right - left) / Double(max(1, columns.labels.count))
    let rowCount = Double(max(1, rows.labels.count))
    // High enough for the rows' name, which stands beside them.
    let height = max(
      min(max(width, 14), max(4, 400 / rowCount), 30), (Picture.textWidth(rows.name) + 4) / rowCount)
    let top = picture.headingBottom
    let grid = Grid(left: left, top: top, width: width, height: height)
    let bottom = grid.y(rows.labels.count)
    drawCells(grid, range, &picture)
    drawRowLabels(grid, labelWidth, &picture)
    let nameTop = drawColumnLabels(grid, bottom, &picture)
    picture.text(columns.name, x: (left + right) / 2, y: nameTop + 20, anchor: .middle)
    picture.text(rows.name, x: 18, y: (top + bottom) / 2, anchor: .middle, turned: true)
    let scaleBottom = max(bottom, top + 60)
    drawScale(range.from(scaleBottom, to: top), x: right + 14, &picture)
    let titleTop = max(scaleBottom, nameTop) + 20
    picture.text(scale.title, x: size.width - 12, y: titleTop, anchor: .end, style: "tick")
    picture.height = titleTop + 10
    return picture
  }

  private struct Grid {
    let left: Double
    let top: Double
    let width: Double
    let height: Double

    func x(_ column: Int) -> Double { left + width * Double(column) }
    func y(_ row: Int) -> Double { top + height * Double(row) }
  }

  private func drawCells(_ grid: Grid, _ range: AxisScale, _ picture: inout Picture) {
    let hasTips = rows.labels.count * columns.labels.count <= 4096
    let texts = values.map { $0.map { $0.map { cellText($0, range) } ?? "" } }
    let longest = texts.joined().map(\.count).max() ?? 0
    let hasTexts = grid.height >= 14 && Double(longest) * 5.8 + 4 <= grid.width
    for row in values.indices {
      for column in values[row].indices {
        let value = values[row][column]
        let tip = "\(place(row, column)): \(value.map { NumberText.significant($0, 4) } ?? "none")"
        picture.cell(
          x: grid.x(column), y: grid.y(row), width: grid.width, height: grid.height,
          colour: value.map { ColourScale.css(range.place($0)) }, tip: hasTips ? tip : nil)
        guard hasTexts, let value else { continue }
        picture.text(
          texts[row][column], x: grid.x(column) + grid.width / 2, y: grid.y(row) + grid.height / 2 + 3.5,
          anchor: .middle, style: "cell \(ColourScale.isLight(range.place(value)) ? "on-light" : "on-dark")")
      }
    }
  }

  /// With the digits that the colours could tell, and one at least.
  private func cellText(_ value: Double, _ range: AxisScale) -> String {
    let digits = Int(ceil(-log10((range.high - range.low) / 50)))
    guard (0...8).contains(digits) else { return NumberText.significant(value, 2) }
    let text = NumberText.fixed(value, digits)
    let isLost = value != 0 && !text.contains { ("1"..."9").contains($0) }
    return isLost ? NumberText.significant(value, 1) : text
  }

  /// As many as there is room for.
  private func drawRowLabels(_ grid: Grid, _ labelWidth: Double, _ picture: inout Picture) {
    let texts = Picture.fitted(names: rows.labels, to: labelWidth)
    for row in stride(from: 0, to: rows.labels.count, by: Self.step(12 / grid.height)) {
      picture.text(
        texts[row], cutFrom: rows.labels[row], x: grid.left - 6,
        y: grid.y(row) + grid.height / 2 + 4, anchor: .end, style: "tick")
    }
  }

  /// Side by side where they fit, as numbers do, in steps; else turned.
  ///
  /// - Returns: where they end.
  private func drawColumnLabels(_ grid: Grid, _ bottom: Double, _ picture: inout Picture) -> Double {
    let widest = (columns.labels.map { Picture.textWidth($0) }.max() ?? 0) + 8
    let areNumbers = columns.labels.allSatisfy { Double($0) != nil }
    if areNumbers || widest <= grid.width {
      for column in stride(from: 0, to: columns.labels.count, by: Self.step(widest / grid.width)) {
        picture.text(
          columns.labels[column], x: grid.x(column) + grid.width / 2, y: bottom + 16, anchor: .middle,
          style: "tick")
      }
      return bottom + 16
    }
    let length = min(widest, Self.longestLabel)
    let texts = Picture.fitted(names: columns.labels, to: length)
    for column in stride(from: 0, to: columns.labels.count, by: Self.step(12 / grid.width)) {
      picture.text(
        texts[column], cutFrom: columns.labels[column], x: grid.x(column) + grid.width / 2 + 4,
        y: bottom + 6, anchor: .end, style: "tick", turned: true)
    }
    return bottom + length
  }

  /// Of turned labels, in pixels.
  private static let longestLabel = 200.0

  /// 1, 2, 5, 10, ...
  private static func step(_ least: Double) -> Int {
    var step = 1
    for factor in [2, 5, 10, 20, 50, 100, 200, 500, 1000] where Double(step) < least { step = factor }
    return step
  }

  private func drawScale(_ range: AxisScale, x: Double, _ picture: inout Picture) {
    let strips = 32
    let (low, high) = (range.place(range.low), range.place(range.high))
    for strip in 0..<strips {
      let share = Double(strip) / Double(strips)
      // Half a pixel more, so that no gaps show.
      picture.cell(
        x: x, y: low + (high - low) * (share + 1 / Double(strips)), width: 10,
        height: (low - high) / Double(strips) + 0.5, colour: ColourScale.css(share + 0.5 / Double(strips)))
    }
    for value in [range.low, (range.low + range.high) / 2, range.high] {
      picture.text(NumberText.significant(value, 2), x: x + 14, y: range.place(value) + 4, style: "tick")
    }
  }
}
