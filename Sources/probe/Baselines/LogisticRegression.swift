import CKernels
import Compute
import Evaluation
import Files
import Foundation

/// Multinomial logistic regression: with standardised features z and penalty p it minimises mean over images of the cross
/// entropy of softmax(W z + b) + p / 2 |W|^2 (scikit-learn's `LogisticRegression` with C = 1 / (N p)), by L-BFGS.
///
/// Memory: 22 vectors of C x (D + 1) numbers in double precision; nothing an image.
public struct LogisticRegression: Sendable {
  public static let defaultPenalties = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1]

  private let features: LabelledFeatures
  private let standardization: Standardization
  private let parallel: Parallel

  public init(fitting features: LabelledFeatures, _ parallel: Parallel) throws {
    self.features = features
    self.parallel = parallel
    standardization = try Standardization(of: features, parallel)
  }

  /// Fits a model for each of some penalties, each from where the one before ended.
  ///
  /// - Parameters:
  ///   - observer: is told of all images in every iteration.
  ///   - each: is handed the models, in the order of the penalties.
  /// - Returns: the objective's value of each.
  /// - Throws: where a loss is not finite.
  @discardableResult
  public func fit(
    penalties: [Double], _ observer: FitObserver = FitObserver(), _ each: (LinearModel) throws -> Void
  ) throws -> [Double] {
    let weightCount = features.classCount * features.width
    let x = SharedBuffer<Double>(count: weightCount + features.classCount)
    var objective = LogisticObjective(features, standardization)
    return try penalties.map { penalty in
      objective.penalty = penalty
      let outcome = try LBFGS().minimize(x) { [objective] in
        try objective.evaluate($0, gradient: $1, parallel, observer)
      }
      guard outcome.value.isFinite else {
        throw InputError(
          features.name, "has features so large that the loss is \(outcome.value)",
          remedy: "use a greater penalty")
      }
      try each(
        LinearModel(
          standardization: standardization, weights: SharedBuffer(x.buffer[..<weightCount].map { Float($0) }),
          bias: SharedBuffer(x.buffer[weightCount...].map { Float($0) }), hasConverged: outcome.hasConverged))
      return outcome.value
    }
  }

  /// The model of the best of some penalties.
  public static func select(
    _ features: LabelledFeatures, penalties: [Double], split: TrainingSplit?, _ parallel: Parallel,
    _ observer: FitObserver = FitObserver()
  ) throws -> PenaltySelection {
    try PenaltySelection(
      features, penalties: penalties, split: split, parallel, onCandidate: observer.onCandidate
    ) { features, penalties, each in
      try LogisticRegression(fitting: features, parallel).fit(penalties: penalties, observer, each)
    }
  }
}

/// What logistic regression minimises, with its gradient: products in single precision over blocks of images, summed in
/// double precision. Blocks and tiles do not depend on the number of threads, and neither does any sum.
struct LogisticObjective: Sendable {
  private static let rowsPerBlock = 4096
  private static let rowsPerChunk = 64
  private static let classesPerTile = 64
  private static let featuresPerTile = 128

  var penalty = 0.0
  private let features: LabelledFeatures
  private let standardization: Standardization
  private let blockLength: Int
  /// [C, D] and [C]
  private let weights: SharedBuffer<Float>
  private let bias: SharedBuffer<Float>
  /// [block, D], standardised.
  private let inputs: SharedBuffer<Float>
  /// [block, C]: the probabilities of softmax less the one-hot labels.
  private let residuals: SharedBuffer<Float>
  /// One a chunk of the block.
  private let losses: SharedBuffer<Double>

  private var width: Int { features.width }
  private var classCount: Int { features.classCount }

  init(_ features: LabelledFeatures, _ standardization: Standardization) {
    self.features = features
    self.standardization = standardization
    blockLength = min(Self.rowsPerBlock, features.count)
    weights = SharedBuffer(count: features.classCount * features.width)
    bias = SharedBuffer(count: features.classCount)
    inputs = SharedBuffer(count: blockLength * features.width)
    residuals = SharedBuffer(count: blockLength * features.classCount)
    losses = SharedBuffer(count: (blockLength + Self.rowsPerChunk - 1) / Self.rowsPerChunk)
  }

  /// - Parameters:
  ///   - x: the weights [C, D], then the bias [C].
  ///   - gradient: receives the same of the gradient.
  func evaluate(
    _ x: SharedBuffer<Double>, gradient: SharedBuffer<Double>, _ parallel: Parallel, _ observer: FitObserver
  ) throws -> Double {
    for index in 0..<weights.count { weights.pointer[index] = Float(x.pointer[index]) }
    for index in 0..<bias.count { bias.pointer[index] = Float(x.pointer[weights.count + index]) }
    gradient.fill(0)
    var loss = 0.0
    for start in stride(from: 0, to: features.count, by: blockLength) {
      let rows = start..<min(features.count, start + blockLength)
      loss += try score(rows, parallel)
      try addGradient(rowCount: rows.count, to: gradient, parallel)
      try observer.onImages(rows.count)
    }
    let share = 1 / Double(features.count)
    var squares = 0.0
    for index in 0..<weights.count {
      gradient.pointer[index] = gradient.pointer[index] * share + penalty * x.pointer[index]
      squares += x.pointer[index] * x.pointer[index]
    }
    for index in weights.count..<x.count { gradient.pointer[index] *= share }
    return loss * share + penalty / 2 * squares
  }

  /// Fills inputs and residuals.
  ///
  /// - Returns: the sum of the losses.
  private func score(_ block: Range<Int>, _ parallel: Parallel) throws -> Double {
    let (width, classCount) = (width, classCount)
    losses.fill(0)
    try parallel.forEachChunk(of: block.count, length: Self.rowsPerChunk) { chunk, rows, _ in
      let input = inputs.pointer + rows.lowerBound * width
      let out = residuals.pointer + rows.lowerBound * classCount
      for row in 0..<rows.count {
        standardization.apply(
          features.features(block.lowerBound + rows.lowerBound + row), into: input + row * width)
        (out + row * classCount).update(from: bias.pointer, count: classCount)
      }
      BLAS.multiply(
        transposeB: true, m: rows.count, n: classCount, k: width, a: input, leadingA: width,
        b: weights.pointer, leadingB: width, beta: 1, c: out, leadingC: classCount)
      for row in rows {
        let scores = residuals.pointer + row * classCount
        let label = Int(features.labels[block.lowerBound + row])
        let maximum = scores[pb_best_of(scores, classCount)]
        let distance = Double(maximum) - Double(scores[label])
        losses.pointer[chunk] += log(Double(pb_exponential_shares(scores, classCount, maximum))) + distance
        scores[label] -= 1
      }
    }
    return losses.buffer.reduce(0, +)
  }

  /// `gradient += residuals^T * inputs`, tile by tile, and the sums of the residuals for the bias.
  private func addGradient(rowCount: Int, to gradient: SharedBuffer<Double>, _ parallel: Parallel) throws {
    let (width, classCount) = (width, classCount)
    let columnTiles = (width + Self.featuresPerTile - 1) / Self.featuresPerTile
    let rowTiles = (classCount + Self.classesPerTile - 1) / Self.classesPerTile
    let products = PerWorker(parallel) {
      SharedBuffer<Float>(count: Self.classesPerTile * Self.featuresPerTile)
    }
    try parallel.forEach(rowTiles * columnTiles) { tile, worker in
      let firstClass = tile / columnTiles * Self.classesPerTile
      let first = tile % columnTiles * Self.featuresPerTile
      let classes = firstClass..<min(classCount, firstClass + Self.classesPerTile)
      let columns = first..<min(width, first + Self.featuresPerTile)
      let product = try products.value(worker).pointer
      BLAS.multiply(
        transposeA: true, m: classes.count, n: columns.count, k: rowCount,
        a: residuals.pointer + firstClass, leadingA: classCount, b: inputs.pointer + first, leadingB: width,
        c: product, leadingC: columns.count)
      for row in 0..<classes.count {
        let sums = gradient.pointer + (firstClass + row) * width + first
        for column in 0..<columns.count { sums[column] += Double(product[row * columns.count + column]) }
      }
      guard first == 0 else { return }
      let sums = gradient.pointer + classCount * width
      for row in 0..<rowCount {
        for index in classes { sums[index] += Double(residuals.pointer[row * classCount + index]) }
      }
    }
  }
}
