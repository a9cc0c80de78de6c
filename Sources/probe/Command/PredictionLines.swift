import Evaluation
import Reporting
import TokenStore

/// The predictions file: one line an image.
struct PredictionLines {
  private let cache: TokenCache
  private let classNames: [String]
  private let withConfidence: Bool
  private(set) var text: String

  /// - Parameter withConfidence: whether predictions have one; a classifier whose scores are no logits has none.
  init(_ cache: TokenCache, classNames: [String], withConfidence: Bool = true) {
    self.cache = cache
    self.classNames = classNames
    self.withConfidence = withConfidence
    let columns = ["row", "id", "label", "prediction", "label_rank"]
    text = CSV.line(columns + (withConfidence ? ["confidence"] : []))
  }

  mutating func add(rows: some Collection<Int>, labels: some Collection<Int32>, _ predictions: [Prediction]) {
    for ((row, label), prediction) in zip(zip(rows, labels), predictions) {
      let cells = [
        String(row), cache.id(row: row), classNames[Int(label)], classNames[prediction.best],
        String(prediction.labelRank),
      ]
      text += CSV.line(cells + (withConfidence ? [NumberText.fixed(Double(prediction.confidence), 6)] : []))
    }
  }
}
