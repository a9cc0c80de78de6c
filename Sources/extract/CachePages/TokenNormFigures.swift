import Reporting
import TokenStore

/// The figures and the table of ``TokenNormSurvey``.
enum TokenNormFigures {
  static func all(_ survey: TokenNormSurvey, _ model: CacheConfiguration.Model) -> [NamedFigure] {
    guard let last = survey.blocks.last else { return [] }
    return (survey.blocks.count > 1 ? [byBlock(survey)] : []) + survey.blocks.map(histogram) + [
      byPlace(last, model)
    ]
  }

  private static func byBlock(_ survey: TokenNormSurvey) -> NamedFigure {
    func line(_ name: String, _ values: (TokenNormSurvey.Block) -> [Float]) -> LinePlot.Series {
      LinePlot.Series(
        name,
        points: survey.blocks.compactMap { block in
          let norms = values(block)
          guard !norms.isEmpty else { return nil }
          return LinePlot.Point(
            x: Double(block.block), y: Double(norms.quantile(0.5)),
            band: Double(norms.quantile(0.05))...Double(norms.quantile(0.95)))
        })
    }
    let greatest = LinePlot.Series(
      "longest patch",
      survey.blocks.compactMap { block in block.patches.last.map { (Double(block.block), Double($0)) } })
    return NamedFigure(
      fileName: "token-norms",
      figure: LinePlot(
        "Norms of tokens", x: Axis("block", isWhole: true), y: Axis("norm", isLogarithmic: true),
        series: [
          line("patches", \.patches), line("[cls]", \.classTokens), line("registers", \.registers), greatest,
        ]
        .filter { !$0.points.isEmpty }, size: .half),
      caption: "Medians of the outputs of the stored blocks; the bands hold nine tenths.")
  }

  private static func histogram(_ block: TokenNormSurvey.Block) -> NamedFigure {
    let binCount = 60
    let all = block.patches + block.classTokens + block.registers
    let (low, high) = (Double(all.min() ?? 0), Double(all.max() ?? 1))
    let width = max(high - low, max(abs(high), 1) * 1e-6) / Double(binCount)
    func counts(_ norms: [Float]) -> [Int] {
      var counts = [Int](repeating: 0, count: binCount)
      for norm in norms { counts[min(binCount - 1, max(0, Int((Double(norm) - low) / width)))] += 1 }
      return counts
    }
    let groups = [("patches", block.patches), ("[cls]", block.classTokens), ("registers", block.registers)]
    let isOutlying = block.outlierCount > 0
    return NamedFigure(
      fileName: "token-norms-block-\(block.block)",
      figure: Histogram(
        "Norms of tokens of block \(block.block)", x: Axis("norm"),
        y: Axis("tokens", isWhole: true, isLogarithmic: true),
        edges: (0...binCount).map { low + width * Double($0) },
        series: groups.filter { !$0.1.isEmpty }.map { .init($0.0, counts: counts($0.1)) },
        references: isOutlying ? [("outliers", Double(block.threshold))] : [], size: .half),
      caption: isOutlying
        ? "Patches beyond the dashed line, \(NumberText.significant(Double(block.threshold))), are outliers."
        : "No patch is an outlier.")
  }

  private static func byPlace(
    _ block: TokenNormSurvey.Block, _ model: CacheConfiguration.Model
  ) -> NamedFigure {
    NamedFigure(
      fileName: "token-norms-places",
      figure: HeatMap(
        "Norms by place in the image, block \(block.block)",
        rows: HeatMap.Side("row", labels: (0..<model.gridHeight).map(String.init)),
        columns: HeatMap.Side("column", labels: (0..<model.gridWidth).map(String.init)),
        scale: Axis("mean norm"),
        values: (0..<model.gridHeight).map { row in
          (0..<model.gridWidth).map { Double(block.meanByPlace[row * model.gridWidth + $0]) }
        }), caption: "Means over images of the patches at each place.")
  }

  static func table(_ survey: TokenNormSurvey) -> Table {
    let hasRegisters = survey.blocks.contains { !$0.registers.isEmpty }
    let hasClassToken = survey.blocks.contains { !$0.classTokens.isEmpty }
    var table = Table(
      [.number("block"), .number("median"), .number("95 %"), .number("longest"), .number("outliers beyond")]
        + [.number("outliers"), .number("of patches")] + (hasClassToken ? [.number("[cls] median")] : [])
        + (hasRegisters ? [.number("registers median")] : []))
    func text(_ value: Float) -> String { value.isNaN ? "" : NumberText.significant(Double(value), 4) }
    for block in survey.blocks {
      let share = Double(block.outlierCount) / Double(max(1, block.patches.count))
      table.append(
        [
          "\(block.block)", text(block.patches.quantile(0.5)), text(block.patches.quantile(0.95)),
          text(block.patches.last ?? .nan), text(block.threshold), "\(block.outlierCount)",
          NumberText.percentage(share, digits: 2),
        ] + (hasClassToken ? [text(block.classTokens.quantile(0.5))] : [])
          + (hasRegisters ? [text(block.registers.quantile(0.5))] : []))
    }
    return table
  }
}
