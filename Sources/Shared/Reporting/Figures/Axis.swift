/// What a plot's axis measures.
public struct Axis: Sendable {
  public let label: String
  /// "s", "%", "images/s"; nil for plain numbers.
  public let unit: String?
  /// Values that the axis shows even if the data does not reach them.
  public let includes: [Double]
  /// What values can be at most; the axis does not go on beyond it for the sake of room or of round ends.
  public let bounds: ClosedRange<Double>?
  /// Counts, such as epochs: no ticks between whole numbers.
  public let isWhole: Bool
  /// Whether equal distances are equal ratios. What is not above 0 has no place.
  public let isLogarithmic: Bool

  public init(
    _ label: String, unit: String? = nil, includes: [Double] = [], bounds: ClosedRange<Double>? = nil,
    isWhole: Bool = false, isLogarithmic: Bool = false
  ) {
    self.label = label
    self.unit = unit
    self.includes = includes.filter(\.isFinite)
    self.bounds = bounds
    self.isWhole = isWhole
    self.isLogarithmic = isLogarithmic
    if let bounds {
      precondition(
        bounds.lowerBound < bounds.upperBound && shows(bounds.lowerBound) && shows(bounds.upperBound),
        "no axis is within \(bounds)")
    }
  }

  /// Of shares, in percent.
  public static func percentage(_ label: String, includes: [Double] = []) -> Axis {
    Axis(label, unit: "%", includes: includes, bounds: 0...100)
  }

  var title: String { unit.map { "\(label) (\($0))" } ?? label }

  /// Whether a value has a place.
  func shows(_ value: Double) -> Bool { value.isFinite && !(isLogarithmic && value <= 0) }

  /// - Parameters:
  ///   - values: what must fit, besides what is always shown; those without a place are left out.
  ///   - isWidened: whether the axis ends at ticks instead of at the outermost values.
  func scale(
    _ values: [Double], tickCount: Int = 6, isWidened: Bool = true, from start: Double = 0, to end: Double = 1
  ) -> AxisScale {
    AxisScale(
      (values + includes).filter(shows), bounds: bounds, tickCount: tickCount, widened: isWidened,
      isWhole: isWhole, isLogarithmic: isLogarithmic, from: start, to: end)
  }
}
