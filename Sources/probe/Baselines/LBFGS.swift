import Compute

/// Limited-memory BFGS with a line search for the strong Wolfe conditions (Nocedal and Wright, "Numerical Optimization",
/// 2nd edition: algorithms 7.4, 7.5, 3.5 and 3.6).
package struct LBFGS {
  /// A function's value, with its gradient written beside.
  package typealias Objective = (_ x: SharedBuffer<Double>, _ gradient: SharedBuffer<Double>) throws -> Double

  /// Pairs of steps and changes of the gradient that stand for the curvature.
  var memory = 10
  package var maximumIterations = 1000
  /// It has converged where no element of the gradient is larger,
  var gradientTolerance = 1e-6
  /// or where so many steps in a row
  var slowSteps = 3
  /// have made the value smaller by less than this share of it.
  var decreaseTolerance = 1e-11

  package struct Outcome: Equatable, Sendable {
    package let value: Double
    package let iterations: Int
    package let evaluations: Int
    package let hasConverged: Bool
  }

  private static let sufficientDecrease = 1e-4
  private static let curvature = 0.9
  private static let maximumTrials = 25

  package init() {}

  /// - Parameter x: where to start; overwritten with the minimum.
  package func minimize(_ x: SharedBuffer<Double>, _ objective: Objective) throws -> Outcome {
    let gradient = SharedBuffer<Double>(count: x.count)
    let start = SharedBuffer<Double>(count: x.count)
    let startGradient = SharedBuffer<Double>(count: x.count)
    let direction = SharedBuffer<Double>(count: x.count)
    var history = History(limit: memory)
    var value = try objective(x, gradient)
    var evaluations = 1
    var slow = 0
    for iteration in 0..<maximumIterations {
      if largest(gradient) <= gradientTolerance {
        return Outcome(value: value, iterations: iteration, evaluations: evaluations, hasConverged: true)
      }
      history.descend(gradient, into: direction)
      copy(x, to: start)
      copy(gradient, to: startGradient)
      let before = value
      // Without a history the step is of length 1 at most, as nothing tells a gradient's scale.
      let length = history.isEmpty ? min(1, 1 / BLAS.dot(gradient, gradient).squareRoot()) : 1
      var search = LineSearch(
        start: start, direction: direction, value: value, slope: BLAS.dot(startGradient, direction), x: x,
        gradient: gradient)
      let found = try search.run(firstStep: length, objective)
      evaluations += search.evaluations
      guard found else {
        copy(start, to: x)
        copy(startGradient, to: gradient)
        // Rounding has taken the better of the curvature: once more without it, then it is as good as it gets.
        if history.isEmpty {
          return Outcome(value: before, iterations: iteration, evaluations: evaluations, hasConverged: true)
        }
        history.forget()
        continue
      }
      value = search.currentValue
      history.add(step: x, from: start, gradient: gradient, from: startGradient)
      slow = before - value <= decreaseTolerance * max(abs(before), .leastNormalMagnitude) ? slow + 1 : 0
      if slow == slowSteps {
        return Outcome(value: value, iterations: iteration + 1, evaluations: evaluations, hasConverged: true)
      }
    }
    return Outcome(
      value: value, iterations: maximumIterations, evaluations: evaluations,
      hasConverged: largest(gradient) <= gradientTolerance)
  }

  private func largest(_ gradient: SharedBuffer<Double>) -> Double {
    gradient.buffer.reduce(0) { max($0, abs($1)) }
  }

  private func copy(_ source: SharedBuffer<Double>, to destination: SharedBuffer<Double>) {
    destination.pointer.update(from: source.pointer, count: source.count)
  }

  /// The last steps and what they did to the gradient.
  private struct History {
    private struct Pair {
      let step: SharedBuffer<Double>
      let change: SharedBuffer<Double>
      /// 1 / (step . change)
      let inverse: Double
    }

    let limit: Int
    private var pairs: [Pair] = []

    init(limit: Int) { self.limit = limit }

    var isEmpty: Bool { pairs.isEmpty }

    mutating func forget() { pairs = [] }

    mutating func add(
      step x: SharedBuffer<Double>, from start: SharedBuffer<Double>, gradient: SharedBuffer<Double>,
      from startGradient: SharedBuffer<Double>
    ) {
      let step = SharedBuffer<Double>(x.buffer)
      let change = SharedBuffer<Double>(gradient.buffer)
      BLAS.add(-1, start, to: step)
      BLAS.add(-1, startGradient, to: change)
      let product = BLAS.dot(step, change)
      // Only a positive curvature keeps the directions going down.
      guard product > 1e-12 * BLAS.dot(change, change) else { return }
      if pairs.count == limit { pairs.removeFirst() }
      pairs.append(Pair(step: step, change: change, inverse: 1 / product))
    }

    /// Minus the approximate inverse Hessian times the gradient, by two loops over the pairs (algorithm 7.4).
    func descend(_ gradient: SharedBuffer<Double>, into direction: SharedBuffer<Double>) {
      for index in 0..<gradient.count { direction.pointer[index] = -gradient.pointer[index] }
      var shares: [Double] = []
      for pair in pairs.reversed() {
        let share = pair.inverse * BLAS.dot(pair.step, direction)
        BLAS.add(-share, pair.change, to: direction)
        shares.append(share)
      }
      if let last = pairs.last {
        let scale = 1 / (last.inverse * BLAS.dot(last.change, last.change))
        for index in 0..<direction.count { direction.pointer[index] *= scale }
      }
      for (pair, share) in zip(pairs, shares.reversed()) {
        BLAS.add(share - pair.inverse * BLAS.dot(pair.change, direction), pair.step, to: direction)
      }
    }
  }

  /// Looks along a direction for a step that meets the strong Wolfe conditions.
  private struct LineSearch {
    let start: SharedBuffer<Double>
    let direction: SharedBuffer<Double>
    let value: Double
    /// The directional derivative at the start.
    let slope: Double
    /// Hold the last trial's point and gradient.
    let x: SharedBuffer<Double>
    let gradient: SharedBuffer<Double>
    private(set) var evaluations = 0
    private(set) var currentValue = 0.0

    private struct Trial {
      var step: Double
      var value: Double
      var slope: Double
    }

    init(
      start: SharedBuffer<Double>, direction: SharedBuffer<Double>, value: Double, slope: Double,
      x: SharedBuffer<Double>, gradient: SharedBuffer<Double>
    ) {
      (self.start, self.direction, self.value, self.slope) = (start, direction, value, slope)
      (self.x, self.gradient) = (x, gradient)
    }

    /// Algorithm 3.5.
    ///
    /// - Returns: false where no such step is found; `x` and `gradient` are then those of the last trial.
    mutating func run(firstStep: Double, _ objective: Objective) throws -> Bool {
      guard slope < 0 else { return false }
      var last = Trial(step: 0, value: value, slope: slope)
      var step = firstStep
      while evaluations < LBFGS.maximumTrials {
        let trial = try evaluate(step, objective)
        if isTooHigh(trial) || (last.step > 0 && trial.value >= last.value) {
          return try zoom(low: last, high: trial, objective)
        }
        if isFlat(trial) { return true }
        if trial.slope >= 0 { return try zoom(low: trial, high: last, objective) }
        last = trial
        step *= 2
      }
      return false
    }

    /// Algorithm 3.6: narrows an interval down, `low` being its lowest end.
    private mutating func zoom(low: Trial, high: Trial, _ objective: Objective) throws -> Bool {
      var (low, high) = (low, high)
      while evaluations < LBFGS.maximumTrials {
        let trial = try evaluate(Self.between(low, high), objective)
        if isTooHigh(trial) || trial.value >= low.value {
          high = trial
        } else {
          if isFlat(trial) { return true }
          if trial.slope * (high.step - low.step) >= 0 { high = low }
          low = trial
        }
      }
      return false
    }

    private mutating func evaluate(_ step: Double, _ objective: Objective) throws -> Trial {
      x.pointer.update(from: start.pointer, count: x.count)
      BLAS.add(step, direction, to: x)
      currentValue = try objective(x, gradient)
      evaluations += 1
      return Trial(step: step, value: currentValue, slope: BLAS.dot(gradient, direction))
    }

    /// What is no number is too high.
    private func isTooHigh(_ trial: Trial) -> Bool {
      !(trial.value <= value + LBFGS.sufficientDecrease * trial.step * slope)
    }

    private func isFlat(_ trial: Trial) -> Bool { abs(trial.slope) <= -LBFGS.curvature * slope }

    /// Where the cubic through both ends is lowest (equation 3.59), kept off the ends; their middle where it has no minimum.
    private static func between(_ a: Trial, _ b: Trial) -> Double {
      let middle = (a.step + b.step) / 2
      let first = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step)
      let square = first * first - a.slope * b.slope
      guard square >= 0, square.isFinite else { return middle }
      let second = (b.step > a.step ? 1 : -1) * square.squareRoot()
      let step = b.step - (b.step - a.step) * (b.slope + second - first) / (b.slope - a.slope + 2 * second)
      let margin = 0.1 * abs(b.step - a.step)
      let (least, most) = (min(a.step, b.step) + margin, max(a.step, b.step) - margin)
      return step.isFinite ? min(max(step, least), most) : middle
    }
  }
}
