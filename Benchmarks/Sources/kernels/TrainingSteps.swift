import CKernels
import Compute

/// Steps of linear classifiers on features as wide as ViT-B's, in the order in which `probe` takes them: batch norm,
/// scores, cross entropy, gradients, batch norm's way back, LARS. What a step could reach is its matrix products alone.
///
/// One head's weights and their moments stay in the last-level cache from step to step. Those of many heads, each of which
/// takes its step while the others wait, come from memory.
enum TrainingSteps {
  static func measure(_ stopwatch: Stopwatch, _ report: inout Report) {
    for (classCount, headCount) in [(1000, 1), (1000, 16), (100, 1), (100, 128)] {
      for threadCount in Set([1, stopwatch.parallel.threadCount]).sorted() {
        let steps = (0..<headCount).map { _ in
          LinearStep(classCount: classCount, Parallel(threadCount: threadCount))
        }
        let images = Double(LinearStep.imageCount * headCount)
        let products = stopwatch.rate(of: images) { for step in steps { step.multiply() } }
        let whole = stopwatch.rate(of: images) { for step in steps { step.run() } }
        let shape = "\(LinearStep.imageCount) x \(LinearStep.width) x \(classCount)"
        let heads = headCount == 1 ? "" : "\(headCount) heads, "
        let threads = threadCount == 1 ? "1 thread" : "\(threadCount) threads"
        report.add(
          "training step, \(shape), \(heads)\(threads)", whole, .images, of: ("its products", products))
      }
    }
  }
}

private final class LinearStep: Sendable {
  static let imageCount = 512
  static let width = Base.width

  private let classCount: Int
  private let parallel: Parallel
  /// [images, width]
  private let features = randomBuffer(imageCount * width)
  private let featureGradient = SharedBuffer<Float>(count: imageCount * width)
  /// [width]: running mean, running variance and the inverse deviation.
  private let statistics = (0..<3).map { _ in SharedBuffer<Float>(repeatElement(1, count: width)) }
  /// [images, classes]
  private let logits: SharedBuffer<Float>
  /// [classes, width] each
  private let weight, weightGradient, velocity: SharedBuffer<Float>
  /// [classes]
  private let bias, biasGradient: SharedBuffer<Float>
  private let labels: SharedBuffer<Int32>
  private let losses = SharedBuffer<Float>(count: imageCount)
  private let ranks = SharedBuffer<Int32>(count: imageCount)

  init(classCount: Int, _ parallel: Parallel) {
    self.classCount = classCount
    self.parallel = parallel
    logits = SharedBuffer(count: Self.imageCount * classCount)
    weight = randomBuffer(classCount * Self.width)
    weightGradient = SharedBuffer(count: classCount * Self.width)
    velocity = SharedBuffer(count: classCount * Self.width)
    bias = SharedBuffer(count: classCount)
    biasGradient = SharedBuffer(count: classCount)
    labels = SharedBuffer((0..<Self.imageCount).map { Int32($0 * 7 % classCount) })
  }

  func run() {
    inChunks(of: Self.width, length: 128) { [self] in
      pb_batch_norm_train(
        features.pointer + $0.lowerBound, Self.imageCount, Self.width, $0.count, 1e-6, 0.1,
        statistics[0].pointer + $0.lowerBound, statistics[1].pointer + $0.lowerBound,
        statistics[2].pointer + $0.lowerBound)
    }
    multiplyForward()
    inChunks(of: Self.imageCount, length: 16) { [self] in
      pb_cross_entropy_gradient(
        logits.pointer + $0.lowerBound * classCount, labels.pointer + $0.lowerBound, $0.count, classCount, 0,
        1 / Float(Self.imageCount), losses.pointer + $0.lowerBound, ranks.pointer + $0.lowerBound)
    }
    multiplyBackward()
    inChunks(of: classCount, length: 128) { [self] in
      pb_add_column_sums(
        logits.pointer + $0.lowerBound, Self.imageCount, classCount, $0.count,
        biasGradient.pointer + $0.lowerBound)
    }
    inChunks(of: Self.width, length: 128) { [self] in
      pb_batch_norm_backward(
        featureGradient.pointer + $0.lowerBound, features.pointer + $0.lowerBound, Self.imageCount,
        Self.width,
        $0.count, statistics[2].pointer + $0.lowerBound)
    }
    update()
  }

  /// The three products.
  func multiply() {
    multiplyForward()
    multiplyBackward()
  }

  private func multiplyForward() {
    // Products cannot fail.
    try! BLAS.multiply(
      parallel, transposeB: true, m: Self.imageCount, n: classCount, k: Self.width, a: features,
      leadingA: Self.width, b: weight, leadingB: Self.width, bias: bias, c: logits, leadingC: classCount)
  }

  private func multiplyBackward() {
    try! BLAS.multiply(
      parallel, transposeA: true, m: classCount, n: Self.width, k: Self.imageCount, a: logits,
      leadingA: classCount, b: features, leadingB: Self.width, beta: 1, c: weightGradient,
      leadingC: Self.width)
    try! BLAS.multiply(
      parallel, m: Self.imageCount, n: Self.width, k: classCount, a: logits, leadingA: classCount, b: weight,
      leadingB: Self.width, c: featureGradient, leadingC: Self.width)
  }

  private func update() {
    inChunks(of: weight.count, length: 32768) { [self] range in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: 2) { sums in
        pb_sums_of_squares(
          weight.pointer + range.lowerBound, weightGradient.pointer + range.lowerBound, 0, range.count,
          sums.baseAddress!)
      }
    }
    // So slow that the weights stay what they are, however often this runs.
    let step = pb_momentum_step(
      learning_rate: 1e-12, momentum: 0.9, weight_decay: 0, scale: 1e-3, nesterov: 0)
    inChunks(of: weight.count, length: 32768) { [self] range in
      _ = withUnsafePointer(to: step) {
        pb_momentum_update(
          weight.pointer + range.lowerBound, velocity.pointer + range.lowerBound,
          weightGradient.pointer + range.lowerBound, range.count, $0)
      }
    }
  }

  private func inChunks(of count: Int, length: Int, _ body: @Sendable (Range<Int>) -> Void) {
    // The bodies cannot fail.
    try! parallel.forEachChunk(of: count, length: length) { _, range, _ in body(range) }
  }
}
