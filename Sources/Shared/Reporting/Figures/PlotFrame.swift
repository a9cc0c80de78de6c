/// Where the axes of a plot lie in its picture, and their drawing.
struct PlotFrame {
  let x: AxisScale
  let y: AxisScale
  let left: Double
  let right: Double
  let top: Double
  let bottom: Double
  let size: PlotSize

  /// - Parameters:
  ///   - x, y: scales with any places; they are given their own.
  ///   - top: where the plot begins, below the title and the legend.
  ///   - inset: room beside the outermost values, for what is drawn around them.
  init(x: AxisScale, y: AxisScale, top: Double, size: PlotSize, inset: Double = 0) {
    self.top = top
    self.size = size
    left = 40 + y.textWidth
    right = size.width - 20
    bottom = size.height - 48
    self.x = x.from(left + inset, to: right - inset)
    self.y = y.from(bottom, to: top)
  }

  /// Draws lines across for `y`, ticks below for `x`, and what they measure.
  func draw(_ xAxis: Axis, _ yAxis: Axis, in picture: inout Picture) {
    for tick in y.ticks {
      let place = y.place(tick)
      picture.line("grid", left, place, right, place)
      picture.text(y.text(tick), x: left - 6, y: place + 4, anchor: .end, style: "tick")
    }
    for tick in x.ticks {
      let place = x.place(tick)
      picture.line("axis", place, bottom, place, bottom + 4)
      picture.text(x.text(tick), x: place, y: bottom + 18, anchor: .middle, style: "tick")
    }
    picture.line("axis", left, bottom, right, bottom)
    picture.text(xAxis.title, x: (left + right) / 2, y: bottom + 38, anchor: .middle)
    picture.text(yAxis.title, x: 18, y: (bottom + top) / 2, anchor: .middle, turned: true)
  }
}
