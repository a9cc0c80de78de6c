/// Horizontal bars with their values, in groups: accuracies of heads, times of programs.
public struct BarPlot: Figure {
  public struct Series: Sendable {
    public let name: String
    /// One value for each category; what is not finite has no bar.
    public let values: [Double]

    public init(_ name: String, _ values: [Double]) {
      self.name = name
      self.values = values
    }
  }

  public let title: String
  public let categories: [String]
  /// Bars begin at 0, which the axis therefore always shows.
  public let axis: Axis
  public let series: [Series]

  public init(_ title: String, categories: [String], axis: Axis, series: [Series]) {
    for line in series {
      precondition(
        line.values.count == categories.count,
        "\(line.values.count) values of \(line.name) for \(categories.count) categories")
    }
    self.title = title
    self.categories = categories
    self.axis = axis
    self.series = series
  }

  public var alternativeText: String {
    let bars = categories.indices.map { index in
      let values = series.map { line in
        let value = NumberText.rounded(line.values[index])
        return series.count > 1 ? "\(line.name) \(value)" : value
      }
      return "\(categories[index]): \(values.joined(separator: ", "))"
    }
    return "\(axis.title). \(bars.joined(separator: "; "))."
  }

  public var picture: String {
    let barHeight = 16.0
    let groupHeight = barHeight * Double(series.count) + 12
    var picture = Picture(width: 720, title: title, alternativeText: alternativeText)
    let top = 44 + picture.legend(series.map(\.name), top: 48)
    let bottom = top + groupHeight * Double(categories.count)
    let left = 28 + min(280, categories.map { Picture.textWidth($0) }.max() ?? 0)
    let scale = AxisScale(
      [0] + series.flatMap(\.values) + axis.includes, isWhole: axis.isWhole, from: left, to: 650)
    drawAxis(scale, left, top, bottom, &picture)
    for (index, category) in categories.enumerated() {
      let groupTop = top + groupHeight * Double(index) + 6
      let middle = groupTop + barHeight * Double(series.count) / 2 + 4
      picture.text(category, x: left - 8, y: middle, anchor: .end)
      for (number, line) in series.enumerated() where line.values[index].isFinite {
        let value = line.values[index]
        let y = groupTop + barHeight * Double(number)
        let ends = [scale.place(0), scale.place(value)].sorted()
        let tip = "\(category), \(line.name): \(NumberText.rounded(value))"
        picture.bar(
          x: ends[0], y: y + 1, width: ends[1] - ends[0], height: barHeight - 2, series: number, tip: tip)
        picture.text(NumberText.rounded(value), x: ends[1] + 5, y: y + 12, style: "value")
      }
    }
    return picture.svg(height: bottom + 48)
  }

  private func drawAxis(
    _ scale: AxisScale, _ left: Double, _ top: Double, _ bottom: Double, _ picture: inout Picture
  ) {
    for tick in scale.ticks {
      let place = scale.place(tick)
      picture.line("grid", place, top, place, bottom)
      picture.text(scale.text(tick), x: place, y: bottom + 16, anchor: .middle, style: "tick")
    }
    picture.line("axis", scale.place(0), top, scale.place(0), bottom)
    picture.text(axis.title, x: (left + 650) / 2, y: bottom + 36, anchor: .middle)
  }
}
