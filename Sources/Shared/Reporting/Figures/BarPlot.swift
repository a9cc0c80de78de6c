/// Horizontal bars with their values, in groups: accuracies of heads, times of programs.
public struct BarPlot: Figure {
  public struct Series: Sendable {
    public let name: String
    /// One value for each category; what is not finite has no bar.
    public let values: [Double]
    /// How far a line across the end of each bar reaches to either side; 0 for none.
    public let deviations: [Double]

    public init(_ name: String, _ values: [Double], deviations: [Double]? = nil) {
      precondition(
        deviations.map(\.count) ?? values.count == values.count, "each value has a deviation, or none has")
      self.name = name
      self.values = values
      self.deviations = deviations ?? values.map { _ in 0 }
    }
  }

  public let title: String
  public let categories: [String]
  /// Bars begin at 0, which the axis therefore always shows.
  public let axis: Axis
  public let series: [Series]
  public let size: PlotSize

  public init(
    _ title: String, categories: [String], axis: Axis, series: [Series], size: PlotSize = .full
  ) {
    for line in series {
      precondition(
        line.values.count == categories.count,
        "\(line.values.count) values of \(line.name) for \(categories.count) categories")
    }
    self.title = title
    self.categories = categories
    self.axis = axis
    self.series = series
    self.size = size
  }

  public var alternativeText: String {
    let bars = categories.indices.map { index in
      let values = series.filter { $0.values[index].isFinite }.map { line in
        let value = NumberText.rounded(line.values[index])
        return series.count > 1 ? "\(line.name) \(value)" : value
      }
      return "\(categories[index]): \(values.joined(separator: ", "))"
    }
    return "\(axis.title). \(bars.joined(separator: "; "))."
  }

  public var picture: Picture {
    let barHeight = 16.0
    let groupHeight = barHeight * Double(series.count) + 12
    var picture = Picture(width: size.width, of: self)
    let top = picture.legend(series.map(\.name))
    let bottom = top + groupHeight * Double(categories.count)
    let room = size.width * 0.4
    let left = 28 + min(room, categories.map { Picture.textWidth($0) }.max() ?? 0)
    let right = size.width - 70
    let scale = axis.scale(
      [0] + series.flatMap { zip($0.values, $0.deviations).map { $0 + $1 } },
      tickCount: Int((right - left) / 70), from: left, to: right)
    draw(scale, top, bottom, middle: (left + right) / 2, &picture)
    let names = Picture.fitted(names: categories, to: room)
    for (index, category) in categories.enumerated() {
      let groupTop = top + groupHeight * Double(index) + 6
      let middle = groupTop + barHeight * Double(series.count) / 2 + 4
      picture.text(names[index], cutFrom: category, x: left - 8, y: middle, anchor: .end)
      for (number, line) in series.enumerated() where line.values[index].isFinite {
        let value = line.values[index]
        let y = groupTop + barHeight * Double(number)
        let ends = [scale.place(0), scale.place(value)].sorted()
        let tip = "\(category), \(line.name): \(NumberText.rounded(value))"
        picture.bar(
          x: ends[0], y: y + 1, width: ends[1] - ends[0], height: barHeight - 2, series: number, tip: tip)
        let deviation = line.deviations[index]
        let tips = deviation > 0 ? [value - deviation, value + deviation].map(scale.place) : [ends[1]]
        if tips.count > 1 { picture.whisker(y: y + barHeight / 2, from: tips[0], to: tips[1]) }
        picture.text(
          NumberText.rounded(value), x: max(ends[1], tips[tips.count - 1]) + 5, y: y + 12, style: "value")
      }
    }
    picture.height = bottom + 48
    return picture
  }

  private func draw(
    _ scale: AxisScale, _ top: Double, _ bottom: Double, middle: Double, _ picture: inout Picture
  ) {
    for tick in scale.ticks {
      let place = scale.place(tick)
      picture.line("grid", place, top, place, bottom)
      picture.text(scale.text(tick), x: place, y: bottom + 16, anchor: .middle, style: "tick")
    }
    picture.line("axis", scale.place(0), top, scale.place(0), bottom)
    picture.text(axis.title, x: middle, y: bottom + 36, anchor: .middle)
  }
}
