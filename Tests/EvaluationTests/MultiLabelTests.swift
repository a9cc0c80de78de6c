import Compute
import Evaluation
import TestSupport
import Testing

@Suite struct MultiLabelTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func metrics(
    _ logits: [Float], _ labels: LabelSets, classCount: Int, batches: [Int]? = nil, threads: Int = 1
  ) throws -> Metrics {
    let parallel = Parallel(threadCount: threads)
    let collector = try MultiLabelCollector(
      classCount: classCount, imageCount: labels.count, folder: folder.path)
    var start = 0
    for size in batches ?? [labels.count] {
      try logits[start * classCount..<(start + size) * classCount].withUnsafeBufferPointer {
        try collector.add(logits: $0, labels: labels, parallel)
      }
      start += size
    }
    return try collector.measure(parallel).metrics
  }

  @Test func averagePrecisionSumsPrecisionsWhereRecallRises() throws {
    // Class 0 in the order of its scores: right, wrong, right. Class 1 does not occur.
    let metrics = try metrics([3, 0, 2, 0, 1, 0], LabelSets([[0], [], [0]]), classCount: 2)
    let expected: Double = (1 + 2.0 / 3) / 2
    let precision = try #require(metrics.meanAveragePrecision)
    #expect(abs(precision - expected) < 1e-12)
    #expect(metrics.calibrationError == nil)
  }

  @Test func equalScoresAreFoundTogether() throws {
    // Zeros of both signs are equal; one of two is right.
    #expect(try metrics([0, -0.0], LabelSets([[0], []]), classCount: 1).meanAveragePrecision == 0.5)
    #expect(try metrics([0, -0.0], LabelSets([[], [0]]), classCount: 1).meanAveragePrecision == 0.5)
  }

  @Test func whatIsNoNumberIsFoundLast() throws {
    let metrics = try metrics([.nan, -.infinity, 1], LabelSets([[0], [0], []]), classCount: 1)
    let expected: Double = (1.0 / 2 + 2.0 / 3) / 2
    let precision = try #require(metrics.meanAveragePrecision)
    #expect(abs(precision - expected) < 1e-12)
    #expect(metrics.loss.isNaN)
  }

  @Test func anImageWithoutLabelsIsNeverRight() throws {
    let metrics = try metrics([1, 2, 3, 4], LabelSets([[], [0, 1]]), classCount: 2)
    #expect(metrics.top1 == 0.5 && metrics.top5 == 0.5)
  }

  @Test func nothingIsNothing() throws {
    let metrics = try metrics([], LabelSets([[Int32]]()), classCount: 3)
    #expect(metrics.imageCount == 0 && metrics.loss == 0 && metrics.meanAveragePrecision == 0)
  }

  @Test func batchesAndThreadsDecideNothing() throws {
    var generator = SeededGenerator(seed: 8)
    let (images, classes) = (90, 21)
    let logits = (0..<images * classes).map { _ in Float((generator.normal() * 4).rounded()) / 4 }
    let labels = LabelSets(
      (0..<images).map { _ in (0..<Int32(classes)).filter { _ in generator.uniform() < 0.1 } })
    let whole = try metrics(logits, labels, classCount: classes)
    #expect(try metrics(logits, labels, classCount: classes, batches: [1, 64, 25], threads: 3) == whole)
  }

  @Test func labelSetsKeepEachImagesClassesInOrder() {
    let sets = LabelSets([[3, 1], [], [2]])
    #expect(sets.count == 3)
    #expect((0..<3).map { Array(sets[$0]) } == [[1, 3], [], [2]])
    #expect(Targets.several(sets).count == 3 && Targets.single([0, 1]).count == 2)
  }
}
