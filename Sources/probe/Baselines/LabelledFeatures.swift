import CKernels
import Compute
import Files

/// A matrix of features, one row a vector in single precision, in memory or mapped from a file.
public protocol FeatureRows: Sendable {
  /// D
  var width: Int { get }
  /// - Returns: [D], valid as long as the matrix. Called by several threads at once.
  func features(row: Int) -> UnsafePointer<Float>
}

/// Some rows of a matrix of features, with a label each.
public struct LabelledFeatures: Sendable {
  /// What it is called in errors: a path, as a rule.
  public let name: String
  private let matrix: any FeatureRows
  /// [N], rows of the matrix.
  private let rows: [Int32]
  /// [N], each in `0 ..< classCount`.
  public let labels: [Int32]
  public let classCount: Int

  /// - Parameter rows: [N], rows of the matrix; four bytes each, as labels have.
  /// - Throws: where there are no rows, or features that are no finite numbers.
  public init(
    _ name: String, _ matrix: any FeatureRows, rows: [Int32], labels: [Int32], classCount: Int,
    _ parallel: Parallel
  ) throws {
    precondition(rows.count == labels.count, "\(rows.count) rows have \(labels.count) labels")
    precondition(
      labels.allSatisfy { (0..<Int32(classCount)).contains($0) }, "a label is outside 0 ..< \(classCount)")
    self.init(name, matrix, checkedRows: rows, labels: labels, classCount: classCount)
    guard count > 0, width > 0 else {
      throw InputError(
        name, "holds \(count) labelled rows of \(width) features, which nothing can be fitted to")
    }
    try requireFinite(parallel)
  }

  private init(
    _ name: String, _ matrix: any FeatureRows, checkedRows rows: [Int32], labels: [Int32], classCount: Int
  ) {
    (self.name, self.matrix, self.rows, self.labels, self.classCount) = (
      name, matrix, rows, labels, classCount
    )
  }

  /// N
  public var count: Int { rows.count }
  /// D
  public var width: Int { matrix.width }

  /// - Returns: [D]
  package func features(_ index: Int) -> UnsafePointer<Float> { matrix.features(row: Int(rows[index])) }

  /// The images at some places of this one.
  func subset(_ indices: [Int32]) -> LabelledFeatures {
    LabelledFeatures(
      name, matrix, checkedRows: indices.map { rows[Int($0)] }, labels: indices.map { labels[Int($0)] },
      classCount: classCount)
  }

  private func requireFinite(_ parallel: Parallel) throws {
    try parallel.forEachChunk(of: count, length: 256) { _, range, _ in
      for index in range where pb_all_finite(features(index), width) == 0 {
        throw InputError(
          name, "row \(rows[index]) has features that are not finite",
          remedy: "extract the tokens again in a wider type, and check the checkpoint")
      }
    }
  }
}
