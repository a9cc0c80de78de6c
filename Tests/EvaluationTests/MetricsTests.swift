import Evaluation
import Testing

@Suite struct MetricsTests {
  private func collect(
    _ logits: [Float], _ labels: [Int32], classCount: Int, losses: [Float]? = nil
  ) -> MetricsCollector {
    var collector = MetricsCollector(classCount: classCount)
    logits.withUnsafeBufferPointer {
      collector.add(logits: $0, labels: labels, losses: losses ?? labels.map { _ in 0 })
    }
    return collector
  }

  @Test func accuraciesCountRanks() {
    // Seven classes; the label's rank is 0, 4 and 5.
    let rows: [[Float]] = [[9, 1, 2, 3, 4, 5, 6], [1, 9, 8, 7, 6, 5, 4], [2, 9, 8, 7, 6, 5, 1]]
    let metrics = collect(rows.flatMap { $0 }, [0, 5, 0], classCount: 7, losses: [1, 2, 6]).metrics
    #expect(metrics.imageCount == 3)
    #expect(metrics.top1 == 1.0 / 3)
    #expect(metrics.top5 == 2.0 / 3)
    #expect(metrics.loss == 3)
  }

  @Test func fewerThanFiveClassesAreAllAmongTheTopFive() {
    #expect(collect([1, 2, 3, 3, 2, 1], [0, 2], classCount: 3).metrics.top5 == 1)
  }

  @Test func ofEqualScoresTheLowerClassComesFirst() {
    let ties: [Float] = [1, 1, 1]
    #expect(ties.withUnsafeBufferPointer { Ranking.best($0) } == 0)
    #expect(ties.withUnsafeBufferPointer { Ranking.rank(of: 2, in: $0) } == 2)
  }

  @Test func whatIsNoNumberComesLast() {
    let scores: [Float] = [.nan, -.infinity, 2, .nan]
    scores.withUnsafeBufferPointer {
      #expect(Ranking.best($0) == 2)
      #expect(Ranking.rank(of: 1, in: $0) == 1)
      #expect(Ranking.rank(of: 0, in: $0) == 2)
      #expect(Ranking.rank(of: 3, in: $0) == 3)
    }
  }

  @Test func classesThatDoNotOccurAreNoPartOfTheMean() {
    // Class 0: 2 of 3 right; class 1: 0 of 1; class 2 does not occur.
    let logits: [Float] = [1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0]
    let collector = collect(logits, [0, 0, 0, 1], classCount: 3)
    #expect(abs(collector.metrics.meanClassAccuracy - (2.0 / 3 + 0) / 2) < 1e-12)
    #expect(collector.confusion == [2, 0, 1, 1, 0, 0, 0, 0, 0])
  }

  @Test func nothingIsNothing() {
    #expect(MetricsCollector(classCount: 2).metrics.imageCount == 0)
    #expect(MetricsCollector(classCount: 2).metrics.top1 == 0)
  }

  @Test func predictionsNameTheBestClassAndTheLabelsRank() {
    let predictions = Prediction.of(logits: [1, 3, 2, 5, 4, 3], labels: [2, 0], classCount: 3)
    #expect(predictions.map(\.best) == [1, 0])
    #expect(predictions.map(\.labelRank) == [1, 0])
  }
}
