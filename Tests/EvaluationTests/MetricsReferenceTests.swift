import Compute
import Evaluation
import TestSupport
import Testing

/// Metrics as scikit-learn and PyTorch have them (tools/reference/metrics.py).
@Suite struct MetricsReferenceTests {
  private let fixture: FixtureTensors
  private let parallel = Parallel(threadCount: 2)

  init() throws { fixture = try FixtureTensors("metrics/metrics.safetensors") }

  private func value(_ name: String) -> Double { fixture.doubles(name)[0] }

  @Test func metricsOfOneLabelAreTheReferences() throws {
    let logits = fixture.floats("one.logits")
    let labels = fixture.labels("one.labels")
    var collector = MetricsCollector(classCount: fixture.shape("one.logits")[1], withConfusion: true)
    let predictions = try logits.withUnsafeBufferPointer {
      try Prediction.of(logits: $0, labels: labels, classCount: collector.classCount, parallel)
    }
    collector.add(predictions, labels: labels)
    let metrics = collector.metrics
    #expect(metrics.imageCount == labels.count)
    #expect(abs(metrics.loss - value("one.loss")) < 1e-6)
    #expect(abs(metrics.top1 - value("one.top1")) < 1e-12)
    #expect(abs(metrics.top5 - value("one.top5")) < 1e-12)
    #expect(abs(metrics.meanClassAccuracy - value("one.mean_class_accuracy")) < 1e-12)
    #expect(abs(try #require(metrics.calibrationError) - value("one.calibration_error")) < 1e-6)
    #expect(collector.confusion.map(dense) == fixture.labels("one.confusion").map { Int($0) })
    #expect(
      Closeness(predictions.map(\.confidence), fixture.floats("one.confidence")).maximumDifference < 1e-6)
  }

  @Test func metricsOfSeveralLabelsAreTheReferences() throws {
    let logits = fixture.floats("several.logits")
    let (images, classes) = (fixture.shape("several.logits")[0], fixture.shape("several.logits")[1])
    let isLabel = fixture.bytes("several.labels")
    let labels = LabelSets(
      (0..<images).map { image in
        (0..<classes).filter { isLabel[image * classes + $0] == 1 }.map { Int32($0) }
      })
    let folder = try TemporaryFolder()
    let collector = try MultiLabelCollector(classCount: classes, imageCount: images, folder: folder.path)
    try logits.withUnsafeBufferPointer { try collector.add(logits: $0, labels: labels, parallel) }
    let (metrics, classScores) = try collector.measure(parallel)
    #expect(abs(metrics.loss - value("several.loss")) < 1e-6)
    #expect(
      abs(try #require(metrics.meanAveragePrecision) - value("several.mean_average_precision")) < 1e-12)
    #expect(abs(metrics.meanClassAccuracy - value("several.mean_class_accuracy")) < 1e-12)
    let precisions = classScores.compactMap(\.score)
    let mean = precisions.reduce(0, +) / Double(precisions.count)
    #expect(abs(mean - value("several.mean_average_precision")) < 1e-12)
    for (label, score) in classScores.enumerated() {
      #expect(score.imageCount == (0..<images).count { labels[$0].contains(Int32(label)) })
      #expect((score.score == nil) == (score.imageCount == 0))
    }
  }
}
