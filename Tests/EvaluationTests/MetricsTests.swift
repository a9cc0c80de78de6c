import Compute
import Evaluation
import Foundation
import Testing

@Suite struct MetricsTests {
  private func collect(
    _ logits: [Float], _ labels: [Int32], classCount: Int, threads: Int = 1
  ) throws -> MetricsCollector {
    var collector = MetricsCollector(classCount: classCount, withConfusion: true)
    try logits.withUnsafeBufferPointer {
      try collector.add(logits: $0, labels: labels, Parallel(threadCount: threads))
    }
    return collector
  }

  @Test func accuraciesCountRanks() throws {
    // Seven classes; the label's rank is 0, 4 and 5.
    let rows: [[Float]] = [[9, 1, 2, 3, 4, 5, 6], [1, 9, 8, 7, 6, 5, 4], [2, 9, 8, 7, 6, 5, 1]]
    let metrics = try collect(rows.flatMap { $0 }, [0, 5, 0], classCount: 7).metrics
    #expect(metrics.imageCount == 3)
    #expect(metrics.top1 == 1.0 / 3)
    #expect(metrics.top5 == 2.0 / 3)
  }

  @Test func fewerThanFiveClassesAreAllAmongTheTopFive() throws {
    #expect(try collect([1, 2, 3, 3, 2, 1], [0, 2], classCount: 3).metrics.top5 == 1)
  }

  @Test func aSingleClassIsAlwaysRight() throws {
    let metrics = try collect([-3, 8], [0, 0], classCount: 1).metrics
    #expect(
      metrics == Metrics(imageCount: 2, loss: 0, top1: 1, top5: 1, meanClassAccuracy: 1, calibrationError: 0))
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

  @Test func whatIsNoNumberMakesLossAndCalibrationNone() throws {
    let metrics = try collect([1, .nan, 0, 2], [0, 1], classCount: 2).metrics
    #expect(metrics.top1 == 1)
    #expect(metrics.loss.isNaN)
    #expect(try #require(metrics.calibrationError).isNaN)
  }

  @Test func classesThatDoNotOccurAreNoPartOfTheMean() throws {
    // Class 0: 2 of 3 right; class 1: 0 of 1; class 2 does not occur.
    let logits: [Float] = [1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0]
    let collector = try collect(logits, [0, 0, 0, 1], classCount: 3)
    #expect(abs(collector.metrics.meanClassAccuracy - (2.0 / 3 + 0) / 2) < 1e-12)
    #expect(collector.confusion.map(dense) == [2, 0, 1, 1, 0, 0, 0, 0, 0])
  }

  @Test func calibrationIsTheDistanceFromConfidenceToAccuracy() throws {
    // Two images in the bin of 0.9, one right; one in the bin of 0.5, right (of equal scores the lower class).
    let nine = Float(log(9.0))
    let metrics = try collect([nine, 0, nine, 0, 0, 0], [0, 1, 0], classCount: 2).metrics
    let expected: Double = (2 * (0.9 - 0.5) + (1 - 0.5)) / 3
    let error = try #require(metrics.calibrationError)
    #expect(abs(error - expected) < 1e-6)
  }

  @Test func nothingIsNothing() {
    let nothing = MetricsCollector(classCount: 2)
    #expect(
      nothing.metrics
        == Metrics(imageCount: 0, loss: 0, top1: 0, top5: 0, meanClassAccuracy: 0, calibrationError: 0))
    #expect(nothing.confusion == nil)
  }

  @Test func batchesAndThreadsDecideNothing() throws {
    var generator = SeededGenerator(seed: 3)
    let (images, classes) = (150, 37)
    let logits = (0..<images * classes).map { _ in Float(generator.normal()) }
    let labels = (0..<images).map { _ in Int32(generator.bounded(UInt64(classes))) }
    let whole = try collect(logits, labels, classCount: classes).metrics
    #expect(try collect(logits, labels, classCount: classes, threads: 3).metrics == whole)
    var parts = MetricsCollector(classCount: classes)
    for range in [0..<1, 1..<100, 100..<images] {
      try logits[range.lowerBound * classes..<range.upperBound * classes].withUnsafeBufferPointer {
        try parts.add(logits: $0, labels: Array(labels[range]), Parallel(threadCount: 2))
      }
    }
    #expect(parts.metrics == whole)
  }

  @Test func predictionsNameTheBestClassAndTheLabelsRank() throws {
    let logits: [Float] = [1, 3, 2, 5, 4, 3]
    let predictions = try logits.withUnsafeBufferPointer {
      try Prediction.of(logits: $0, labels: [2, 0], classCount: 3, Parallel(threadCount: 1))
    }
    #expect(predictions.map(\.best) == [1, 0])
    #expect(predictions.map(\.labelRank) == [1, 0])
    let sum = 1 + exp(-1.0) + exp(-2.0)
    #expect(predictions.allSatisfy { abs(Double($0.confidence) - 1 / sum) < 1e-6 })
    #expect(abs(Double(predictions[0].loss) - (1 + log(sum))) < 1e-6)
  }

  @Test func metricsOfAnOlderRunCanBeRead() throws {
    let text = #"{"images":3,"loss":0.5,"top1":0.25,"top5":1,"mean_class_accuracy":0.5}"#
    let metrics = try JSONDecoder().decode(Metrics.self, from: Data(text.utf8))
    #expect(metrics == Metrics(imageCount: 3, loss: 0.5, top1: 0.25, top5: 1, meanClassAccuracy: 0.5))
  }
}

/// [C, C]
func dense(_ matrix: ConfusionMatrix) -> [Int] {
  (0..<matrix.classCount).flatMap { label in (0..<matrix.classCount).map { matrix[label, $0] } }
}
