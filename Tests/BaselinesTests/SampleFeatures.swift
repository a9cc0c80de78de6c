import Baselines
import Compute

/// Features that lie in memory.
final class SampleFeatures: FeatureRows {
  let width: Int
  private let values: SharedBuffer<Float>

  init(_ values: [Float], width: Int) {
    self.width = width
    self.values = SharedBuffer(values)
  }

  func features(row: Int) -> UnsafePointer<Float> { UnsafePointer(values.pointer + row * width) }
}

extension LabelledFeatures {
  /// Rows of features in memory, each with its label.
  init(
    sample values: [Float], width: Int, labels: [Int32], classCount: Int, threads: Int = 2
  ) throws {
    try self.init(
      "sample", SampleFeatures(values, width: width), rows: labels.indices.map { Int32($0) }, labels: labels,
      classCount: classCount, Parallel(threadCount: threads))
  }

  /// Normal noise around a centre a class.
  static func random(
    count: Int, width: Int, classCount: Int, seed: UInt64, distance: Double = 1
  ) throws -> LabelledFeatures {
    var centres = SeededGenerator(seed: 99)
    let means = (0..<classCount * width).map { _ in distance * centres.normal() }
    var generator = SeededGenerator(seed: seed)
    let labels = (0..<count).map { Int32($0 % classCount) }
    let values = labels.flatMap { label in
      (0..<width).map { Float(means[Int(label) * width + $0] + generator.normal()) }
    }
    return try LabelledFeatures(sample: values, width: width, labels: labels, classCount: classCount)
  }
}
