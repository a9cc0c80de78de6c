import Baselines
import Compute
import Evaluation
import TestSupport
import Testing

/// Baselines as DINO's and scikit-learn's are (tools/reference/baselines.py).
@Suite struct BaselineReferenceTests {
  private static let penalties = [1e-4, 1e-2, 1.0]
  private static let classCount = 7
  private let fixture: FixtureTensors
  private let parallel = Parallel(threadCount: 2)

  init() throws { fixture = try FixtureTensors("baselines/baselines.safetensors") }

  private func features(_ name: String, labels: String) throws -> LabelledFeatures {
    try LabelledFeatures(
      sample: fixture.floats(name), width: fixture.shape(name)[1], labels: fixture.labels(labels),
      classCount: Self.classCount)
  }

  @Test func neighboursVoteAsInDINO() throws {
    let search = NearestNeighbours(
      try features("train", labels: "train_labels"), neighbours: [150, 3, 1, 10, 20],
      temperatures: [0.07, 0.01, 1])
    let results = try search.measure(on: features("validation", labels: "validation_labels"), parallel)
    let expected = fixture.doubles("neighbours")
    #expect(results.map(\.neighbours) == [1, 3, 10, 20, 150].flatMap { [$0, $0, $0] })
    #expect(results.map(\.temperature) == (0..<5).flatMap { _ in [0.01, 0.07, 1] })
    #expect(results.flatMap { [$0.top1, $0.top5] } == expected)
  }

  @Test func ridgeRegressionIsScikitLearns() throws {
    let regression = try RidgeRegression(
      fitting: features("scaled_train", labels: "train_labels"), parallel)
    for (index, penalty) in Self.penalties.enumerated() {
      let scores = try scores(regression.model(penalty: penalty, parallel))
      let closeness = Closeness(scores, fixture.floats("ridge.\(index)"))
      #expect(closeness.relativeError < 1e-5, "penalty \(penalty): \(closeness)")
    }
  }

  @Test func logisticRegressionIsScikitLearns() throws {
    let regression = try LogisticRegression(
      fitting: features("scaled_train", labels: "train_labels"), parallel)
    var models: [LinearModel] = []
    let losses = try regression.fit(penalties: Self.penalties.reversed()) { models.append($0) }
    for (index, (model, loss)) in zip(models, losses).reversed().enumerated() {
      let expected = fixture.doubles("logistic_loss.\(index)")[0]
      #expect(model.hasConverged)
      #expect(abs(loss / expected - 1) < 1e-6, "\(loss) for \(expected)")
      let (scores, reference) = (try scores(model), fixture.floats("logistic.\(index)"))
      let closeness = Closeness(scores, reference)
      #expect(closeness.relativeError < 1e-3, "penalty \(Self.penalties[index]): \(closeness)")
      #expect(bests(scores) == bests(reference))
    }
  }

  /// [N, C], of the validation images.
  private func scores(_ model: LinearModel) throws -> [Float] {
    let validation = try features("scaled_validation", labels: "validation_labels")
    let scores = SharedBuffer<Float>(count: validation.count * Self.classCount)
    try model.score(validation, 0..<validation.count, into: scores, parallel)
    return scores.array
  }

  private func bests(_ scores: [Float]) -> [Int] {
    stride(from: 0, to: scores.count, by: Self.classCount).map { start in
      scores[start..<start + Self.classCount].withUnsafeBufferPointer { Ranking.best($0) }
    }
  }
}
