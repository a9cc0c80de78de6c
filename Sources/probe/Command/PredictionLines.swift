import Evaluation
import Reporting

/// The predictions file: one line an image.
struct PredictionLines {
  private let id: (_ row: Int) -> String
  private let classNames: [String]
  private let withConfidence: Bool
  private(set) var text: String

  /// - Parameters:
  ///   - id: of a row's image.
  ///   - withConfidence: whether predictions have one; a classifier whose scores are no logits has none.
  init(id: @escaping (_ row: Int) -> String, classNames: [String], withConfidence: Bool = true) {
    self.id = id
    self.classNames = classNames
    self.withConfidence = withConfidence
    let columns = ["row", "id", "label", "prediction", "label_rank"]
    text = CSV.line(columns + (withConfidence ? ["confidence"] : []))
  }

  /// - Returns: the lines so far, which are forgotten.
  mutating func take() -> String {
    defer { text = "" }
    return text
  }

  mutating func add(rows: some Collection<Int>, labels: some Collection<Int32>, _ predictions: [Prediction]) {
    for ((row, label), prediction) in zip(zip(rows, labels), predictions) {
      let cells = [
        String(row), id(row), classNames[Int(label)], classNames[prediction.best],
        String(prediction.labelRank),
      ]
      text += CSV.line(cells + (withConfidence ? [NumberText.fixed(Double(prediction.confidence), 6)] : []))
    }
  }
}
