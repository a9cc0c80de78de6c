/// How far one array of numbers is from another.
public struct Closeness: CustomStringConvertible, Sendable {
  /// The norm of the difference over the norm of the expected values.
  public let relativeError: Double
  /// The largest absolute difference, and where it is.
  public let maximumDifference: Double
  public let index: Int

  public init(_ actual: some Collection<Float>, _ expected: some Collection<Float>) {
    precondition(actual.count == expected.count, "\(actual.count) values are compared with \(expected.count)")
    var difference = 0.0
    var norm = 0.0
    var worst = (0.0, -1)
    for (index, (a, e)) in zip(actual, expected).enumerated() {
      let delta = a == e ? 0 : abs(Double(a) - Double(e))
      difference += delta * delta
      norm += Double(e) * Double(e)
      if !(delta <= worst.0) { worst = (delta, index) }
    }
    relativeError = norm > 0 ? (difference / norm).squareRoot() : difference.squareRoot()
    maximumDifference = worst.0
    index = worst.1
  }

  public var description: String {
    "relative error \(relativeError), largest difference \(maximumDifference) at \(index)"
  }
}
