import Evaluation
import Reporting

/// Whether heads are as often right as they are confident (Guo et al. 2017).
package struct CalibrationFigures {
  private let heads: [(name: String, calibration: CalibrationError)]

  package init(_ heads: [ExaminedHead]) {
    self.heads = heads.compactMap { head in head.examination.calibration.map { (head.name, $0) } }
  }

  package var figures: [NamedFigure] {
    guard !heads.isEmpty else { return [] }
    let confidence = Axis.percentage("confidence", includes: [0, 100])
    let reliability = LinePlot(
      "Accuracy by confidence", x: confidence, y: .percentage("top-1 accuracy", includes: [0, 100]),
      series: heads.map { head in
        .init(
          head.name,
          head.calibration.bins.compactMap { bin in
            bin.map { (x: 100 * $0.confidence, y: 100 * $0.accuracy) }
          })
      }, equality: "as right as confident", size: .half)
    let count = CalibrationError.binCount
    let spread = Histogram(
      "Confidences", x: confidence, y: Axis("images"),
      edges: (0...count).map { 100 * Double($0) / Double(count) },
      series: heads.map { .init($0.name, counts: $0.calibration.bins.map { $0?.imageCount ?? 0 }) },
      size: .half)
    return [
      NamedFigure(
        fileName: "calibration", figure: reliability,
        caption:
          "Mean confidence and accuracy of the predictions in \(count) bins of confidence. Below the dashed line "
          + "a head is more confident than right."),
      NamedFigure(
        fileName: "confidence", figure: spread, caption: "How confident the predictions are."),
    ]
  }

  package var table: Table? {
    guard !heads.isEmpty else { return nil }
    var table = Table([.text("head"), .number("calibration error %")])
    for head in heads { table.append([head.name, NumberText.fixed(100 * head.calibration.value, 1)]) }
    return table
  }
}
