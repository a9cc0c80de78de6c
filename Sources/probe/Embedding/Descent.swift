import Compute

/// Gradient descent with momentum and a gain for every coordinate, on the Kullback-Leibler divergence of an embedding's
/// affinities from joint probabilities (van der Maaten and Hinton 2008, section 3.4; gains by Jacobs, 1988).
package struct Descent {
  private static let leastGain = 0.01
  private static let pointsPerChunk = 128

  private let probabilities: JointProbabilities
  private var repulsion: Repulsion
  private let learningRate: Double
  /// [N, 2]
  package let points: SharedBuffer<Double>
  /// [N, 2]
  private let gradient: SharedBuffer<Double>
  private let steps: SharedBuffer<Double>
  private let gains: SharedBuffer<Double>

  /// - Parameters:
  ///   - points: [N, 2], where to start; moved by every step.
  ///   - theta: 0 for the exact gradient; see ``Repulsion``.
  package init(
    _ probabilities: JointProbabilities, from points: SharedBuffer<Double>, theta: Double,
    learningRate: Double
  ) {
    (self.probabilities, self.points, self.learningRate) = (probabilities, points, learningRate)
    repulsion = Repulsion(count: probabilities.count, theta: theta)
    gradient = SharedBuffer(count: points.count)
    steps = SharedBuffer(count: points.count)
    gains = SharedBuffer(count: points.count)
    rest()
  }

  /// Forgets all momentum and gains.
  package func rest() {
    steps.fill(0)
    gains.fill(1)
  }

  /// Moves the points once.
  ///
  /// - Parameter exaggeration: by how much the joint probabilities are made greater.
  package mutating func step(exaggeration: Double, momentum: Double, _ parallel: Parallel) throws {
    try differentiate(exaggeration: exaggeration, parallel)
    let (points, gradient, steps, gains) = (
      points.pointer, gradient.pointer, steps.pointer, gains.pointer
    )
    for index in 0..<self.points.count {
      let isOnItsWay = steps[index] * gradient[index] < 0
      gains[index] = max(Self.leastGain, isOnItsWay ? gains[index] + 0.2 : gains[index] * 0.8)
      steps[index] = momentum * steps[index] - learningRate * gains[index] * gradient[index]
      points[index] += steps[index]
    }
  }

  /// Writes the gradient: 4 sum over j of (p_ij - q_ij / Z) q_ij (y_i - y_j), with p times the exaggeration.
  private mutating func differentiate(exaggeration: Double, _ parallel: Parallel) throws {
    let affinity = max(try repulsion.measure(points, parallel), .ulpOfOne)
    let (points, gradient, forces, probabilities) = (points, gradient, repulsion.forces, probabilities)
    try parallel.forEachChunk(of: probabilities.count, length: Self.pointsPerChunk) { _, chunk, _ in
      for point in chunk {
        let (x, y) = probabilities.attraction(of: point, points.pointer)
        gradient.pointer[2 * point] = 4 * (exaggeration * x - forces.pointer[2 * point] / affinity)
        gradient.pointer[2 * point + 1] = 4 * (exaggeration * y - forces.pointer[2 * point + 1] / affinity)
      }
    }
  }
}
