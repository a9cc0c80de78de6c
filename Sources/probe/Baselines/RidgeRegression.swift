import Compute
import Evaluation
import Files

/// Ridge regression on one-hot targets, in closed form: with standardised features z and penalty p it minimises
/// mean over images of |y - W z - b|^2 + p |W|^2 (scikit-learn's `Ridge` with alpha = N p).
///
/// One eigendecomposition of the features' correlations, V^T diag(e) V, serves every penalty:
/// W = (mean of y z^T) V^T diag(1 / (e + p)) V, and b is the classes' frequencies. All sums are in double precision.
/// Memory: about 32 bytes times the square of the width; nothing an image.
public struct RidgeRegression: Sendable {
  private static let rowsPerBlock = 1024
  private static let featuresPerTile = 128
  private static let classesPerChunk = 64
  /// A wider matrix of correlations would take more than 8 GB, and hours.
  private static let maximumWidth = 16_384

  private let standardization: Standardization
  private let eigensystem: SymmetricEigensystem
  /// [C, D]: means of y z^T, in the eigenvectors' coordinates.
  private let projected: SharedBuffer<Double>
  /// [C]
  private let frequencies: SharedBuffer<Float>
  private let width: Int

  public static let defaultPenalties = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10]

  /// - Parameter observer: is told of every image once.
  /// - Throws: where the features are too wide, or the eigenvalues of their correlations are not found.
  public init(
    fitting features: LabelledFeatures, _ parallel: Parallel, _ observer: FitObserver = FitObserver()
  ) throws {
    width = features.width
    guard width <= Self.maximumWidth else {
      throw InputError(
        features.name, "has \(width) features an image; ridge regression takes up to \(Self.maximumWidth)",
        remedy: "use pooled features, or probe logistic")
    }
    standardization = try Standardization(of: features, parallel)
    let correlations = SharedBuffer<Double>(count: width * width)
    let moments = SharedBuffer<Double>(count: features.classCount * width)
    try Self.accumulate(features, standardization, correlations, moments, parallel, observer)
    guard let eigensystem = SymmetricEigensystem(overwriting: correlations, width: width) else {
      throw InputError(
        features.name, "has features whose eigenvalues are not found", remedy: "use probe logistic")
    }
    self.eigensystem = eigensystem
    projected = SharedBuffer(count: moments.count)
    let (width, projected) = (width, projected)
    try parallel.forEachChunk(of: features.classCount, length: Self.classesPerChunk) { _, classes, _ in
      BLAS.multiply(
        transposeB: true, m: classes.count, n: width, k: width,
        a: moments.pointer + classes.lowerBound * width,
        leadingA: width, b: eigensystem.vectors.pointer, leadingB: width,
        c: projected.pointer + classes.lowerBound * width, leadingC: width)
    }
    var images = [Int](repeating: 0, count: features.classCount)
    for label in features.labels { images[Int(label)] += 1 }
    frequencies = SharedBuffer(images.map { Float(Double($0) / Double(features.count)) })
  }

  /// The mean of z z^T, whole, and for each class the mean of its images' z times its frequency.
  private static func accumulate(
    _ features: LabelledFeatures, _ standardization: Standardization, _ correlations: SharedBuffer<Double>,
    _ moments: SharedBuffer<Double>, _ parallel: Parallel, _ observer: FitObserver
  ) throws {
    let width = features.width
    let tileCount = (width + featuresPerTile - 1) / featuresPerTile
    let tiles = (0..<tileCount).flatMap { row in (0...row).map { (row: row, column: $0) } }
    let blockLength = min(rowsPerBlock, features.count)
    let block = SharedBuffer<Double>(count: blockLength * width)
    @Sendable func range(_ tile: Int) -> Range<Int> {
      tile * featuresPerTile..<min(width, (tile + 1) * featuresPerTile)
    }
    for start in stride(from: 0, to: features.count, by: blockLength) {
      let count = min(blockLength, features.count - start)
      try parallel.forEachChunk(of: count, length: 32) { _, rows, _ in
        for row in rows {
          standardization.apply(features.features(start + row), into: block.pointer + row * width)
        }
      }
      try parallel.forEach(tiles.count) { index, _ in
        let (rows, columns) = (range(tiles[index].row), range(tiles[index].column))
        BLAS.multiply(
          transposeA: true, m: rows.count, n: columns.count, k: count, alpha: 1 / Double(features.count),
          a: block.pointer + rows.lowerBound, leadingA: width, b: block.pointer + columns.lowerBound,
          leadingB: width, beta: 1, c: correlations.pointer + rows.lowerBound * width + columns.lowerBound,
          leadingC: width)
      }
      try parallel.forEachChunk(of: width, length: featuresPerTile) { _, chunk, _ in
        for row in 0..<count {
          let sums = moments.pointer + Int(features.labels[start + row]) * width
          let values = block.pointer + row * width
          for index in chunk { sums[index] += values[index] / Double(features.count) }
        }
      }
      try observer.onImages(count)
    }
    for row in 0..<width {
      for column in 0..<row {
        correlations.pointer[column * width + row] = correlations.pointer[row * width + column]
      }
    }
  }

  /// - Parameter penalty: positive.
  public func model(penalty: Double, _ parallel: Parallel) throws -> LinearModel {
    precondition(penalty > 0, "ridge regression needs a penalty, not \(penalty)")
    let (width, projected, eigensystem) = (width, projected, eigensystem)
    let classCount = frequencies.count
    // What is below 0 is rounding: correlations have no negative eigenvalues.
    let shrinkage = eigensystem.values.map { 1 / (max(0, $0) + penalty) }
    let weights = SharedBuffer<Float>(count: classCount * width)
    try parallel.forEachChunk(of: classCount, length: Self.classesPerChunk) { _, classes, _ in
      let shrunk = SharedBuffer<Double>(count: classes.count * width)
      let product = SharedBuffer<Double>(count: classes.count * width)
      let first = projected.pointer + classes.lowerBound * width
      for row in 0..<classes.count {
        for index in 0..<width {
          shrunk.pointer[row * width + index] = first[row * width + index] * shrinkage[index]
        }
      }
      BLAS.multiply(
        m: classes.count, n: width, k: width, a: shrunk.pointer, leadingA: width,
        b: eigensystem.vectors.pointer, leadingB: width, c: product.pointer, leadingC: width)
      let out = weights.pointer + classes.lowerBound * width
      for index in 0..<product.count { out[index] = Float(product.pointer[index]) }
    }
    return LinearModel(
      standardization: standardization, weights: weights, bias: frequencies, hasConverged: true)
  }

  /// The model of the best of some penalties.
  public static func select(
    _ features: LabelledFeatures, penalties: [Double], split: TrainingSplit?, _ parallel: Parallel,
    _ observer: FitObserver = FitObserver()
  ) throws -> PenaltySelection {
    try PenaltySelection(
      features, penalties: penalties, split: split, parallel, onCandidate: observer.onCandidate
    ) { features, penalties, each in
      let regression = try RidgeRegression(fitting: features, parallel, observer)
      for penalty in penalties { try each(try regression.model(penalty: penalty, parallel)) }
    }
  }
}
