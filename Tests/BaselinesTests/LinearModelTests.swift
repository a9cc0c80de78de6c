import Baselines
import Compute
import Evaluation
import Files
import TestSupport
import Testing

/// Both regressions, which share all but how they are fitted.
@Suite struct LinearModelTests {
  enum Method: CaseIterable {
    case ridge, logistic

    func select(
      _ features: LabelledFeatures, penalties: [Double], split: TrainingSplit? = nil, threads: Int = 2,
      observer: FitObserver = FitObserver()
    ) throws -> PenaltySelection {
      let parallel = Parallel(threadCount: threads)
      switch self {
      case .ridge:
        return try RidgeRegression.select(features, penalties: penalties, split: split, parallel, observer)
      case .logistic:
        return try LogisticRegression.select(features, penalties: penalties, split: split, parallel, observer)
      }
    }
  }

  private let parallel = Parallel(threadCount: 2)

  private func split(_ features: LabelledFeatures) throws -> TrainingSplit {
    try TrainingSplit(labels: features.labels, images: features.labels.indices.map { Int32($0) }, seed: 0)
  }

  @Test(arguments: Method.allCases) func aFitTellsWhatItDoesAndCanBeStopped(method: Method) throws {
    struct Stop: Error {}
    let features = try LabelledFeatures.random(count: 100, width: 5, classCount: 2, seed: 1)
    let split = try split(features)
    var images: [Int] = []
    var candidates: [Double] = []
    var observer = FitObserver()
    observer.onImages = { images.append($0) }
    observer.onCandidate = { candidates.append($0.penalty) }
    let selection = try method.select(features, penalties: [0.1, 1, 10], split: split, observer: observer)
    #expect(candidates == [10, 1, 0.1] && selection.candidates.map(\.penalty) == candidates)
    // Those that are learned from while penalties are compared, then all.
    #expect(images.first == split.learned.count && images.last == 100)
    #expect(images.count == 2 || method == .logistic)
    observer.onImages = { _ in throw Stop() }
    #expect(throws: Stop.self) { try method.select(features, penalties: [1], observer: observer) }
  }

  @Test(arguments: Method.allCases) func aSingleClassIsLearned(method: Method) throws {
    let features = try LabelledFeatures.random(count: 12, width: 5, classCount: 1, seed: 1)
    let model = try method.select(features, penalties: [1e-3]).model
    let metrics = try model.measure(on: features, parallel)
    #expect(metrics.top1 == 1 && metrics.loss == 0)
  }

  @Test(arguments: Method.allCases) func classesThatDoNotOccurAreNotPredicted(method: Method) throws {
    let labels = (0..<40).map { Int32($0 % 2 * 2) }
    let values = labels.flatMap { [Float($0), 1 - Float($0)] }
    let features = try LabelledFeatures(sample: values, width: 2, labels: labels, classCount: 4)
    #expect(try method.select(features, penalties: [1e-3]).model.measure(on: features, parallel).top1 == 1)
  }

  @Test(arguments: Method.allCases) func moreFeaturesThanImagesAreNoTrouble(method: Method) throws {
    let features = try LabelledFeatures.random(count: 20, width: 300, classCount: 4, seed: 2)
    let model = try method.select(features, penalties: [1e-2]).model
    #expect(try model.measure(on: features, parallel).top1 == 1)
  }

  @Test(arguments: Method.allCases) func featuresThatNeverChangeDecideNothing(method: Method) throws {
    let plain = try LabelledFeatures.random(count: 60, width: 3, classCount: 3, seed: 3)
    // Beside each of them one that is 0.1, which no binary fraction is.
    let values = (0..<60).flatMap { row in (0..<3).flatMap { [plain.features(row)[$0], Float(0.1)] } }
    let padded = try LabelledFeatures(sample: values, width: 6, labels: plain.labels, classCount: 3)
    let models = try [plain, padded].map { try method.select($0, penalties: [1e-2]).model }
    let metrics = try zip(models, [plain, padded]).map { try $0.measure(on: $1, parallel) }
    #expect(metrics[0].top1 == metrics[1].top1)
    #expect(abs(metrics[0].loss - metrics[1].loss) < 1e-5)
    #expect((0..<3).allSatisfy { abs(models[1].weights.pointer[$0 * 6 + 1]) < 1e-12 })
  }

  @Test(arguments: Method.allCases) func featuresAllAlikeGiveTheMostFrequentClass(method: Method) throws {
    let labels: [Int32] = [1, 1, 1, 0, 2]
    let features = try LabelledFeatures(
      sample: [Float](repeating: 3, count: 10), width: 2, labels: labels, classCount: 3)
    let metrics = try method.select(features, penalties: [1e-2]).model.measure(on: features, parallel)
    #expect(metrics.top1 == 0.6)
  }

  @Test(arguments: Method.allCases) func heldOutImagesChooseThePenalty(method: Method) throws {
    let features = try LabelledFeatures.random(count: 400, width: 60, classCount: 8, seed: 4, distance: 0.3)
    let penalties = [1e-6, 1e4, 1e-1]
    let selection = try method.select(features, penalties: penalties, split: try split(features))
    #expect(selection.candidates.map(\.penalty) == [1e4, 1e-1, 1e-6])
    let best = try #require(selection.candidates.map(\.heldOut.top1).max())
    #expect(selection.penalty == selection.candidates.first { $0.heldOut.top1 == best }?.penalty)
    // It is fitted to all images again.
    let whole = try method.select(features, penalties: [selection.penalty]).model
    #expect(Closeness(selection.model.weights.array, whole.weights.array).relativeError < 1e-3)
  }

  @Test(arguments: Method.allCases) func threadsDecideNothing(method: Method) throws {
    let features = try LabelledFeatures.random(count: 5000, width: 150, classCount: 70, seed: 5)
    let weights = try [1, 3].map {
      try method.select(features, penalties: [1e-2], threads: $0).model.weights.array
    }
    #expect(weights[0] == weights[1])
  }

  @Test func widerMatricesThanFitAreRefused() throws {
    let features = try LabelledFeatures(
      sample: [Float](repeating: 1, count: 16_385), width: 16_385, labels: [0], classCount: 1)
    #expect(throws: InputError.self) { try RidgeRegression(fitting: features, parallel) }
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func featuresThatAreNotFiniteAreRefused(value: Float) throws {
    var values = [Float](repeating: 1, count: 700 * 3)
    values[600 * 3 + 2] = value
    let error = #expect(throws: InputError.self) {
      try LabelledFeatures(
        sample: values, width: 3, labels: [Int32](repeating: 0, count: 700), classCount: 1)
    }
    #expect(try #require(error).reason.contains("row 600"))
  }

  @Test func theLargestFiniteFeaturesAreTaken() throws {
    let features = try LabelledFeatures(
      sample: [.greatestFiniteMagnitude, -.greatestFiniteMagnitude], width: 1, labels: [0, 1], classCount: 2)
    #expect(features.count == 2)
  }

  @Test func noImagesAreRefused() {
    #expect(throws: InputError.self) { try LabelledFeatures(sample: [], width: 3, labels: [], classCount: 2) }
  }
}
