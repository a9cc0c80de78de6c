import Foundation

/// What a plot's axis measures.
public struct Axis: Sendable {
  public let label: String
  /// "s", "%", "images/s"; nil for plain numbers.
  public let unit: String?
  /// Values that the axis shows even if the data does not reach them.
  public let includes: [Double]
  /// Counts, such as epochs: no ticks between whole numbers.
  public let isWhole: Bool

  public init(_ label: String, unit: String? = nil, includes: [Double] = [], isWhole: Bool = false) {
    self.label = label
    self.unit = unit
    self.includes = includes.filter(\.isFinite)
    self.isWhole = isWhole
  }

  var title: String { unit.map { "\(label) (\($0))" } ?? label }
}

/// Maps the values of an axis to places in a picture, and chooses the ticks: steps of 1, 2 or 5 times a power of ten.
package struct AxisScale: Sendable {
  package let ticks: [Double]
  package let low: Double
  package let high: Double
  private let step: Double
  private let start: Double
  private let length: Double

  /// - Parameters:
  ///   - values: what must fit; other than finite ones are left out.
  ///   - tickCount: about how many ticks are wanted.
  ///   - widened: whether the axis ends at ticks instead of at the outermost values.
  ///   - isWhole: whether ticks between whole numbers make no sense.
  ///   - start: where the lowest value lies in the picture.
  ///   - end: where the highest one lies, which may be before the start.
  package init(
    _ values: [Double], tickCount: Int = 6, widened: Bool = true, isWhole: Bool = false, from start: Double,
    to end: Double
  ) {
    // Within a range that spans and steps can be computed in.
    let finite = values.filter(\.isFinite).map { min(1e300, max(-1e300, $0)) }
    var (low, high) = (finite.min() ?? 0, finite.max() ?? 1)
    // A single value, or values that differ by rounding alone, get some room.
    if high - low <= max(1e-290, max(abs(low), abs(high)) * 1e-9) {
      let room = max(abs(low) * 0.1, 0.5)
      (low, high) = (low - room, high + room)
    }
    let rough = max((high - low) / Double(max(1, tickCount)), isWhole ? 1 : 0)
    let power = pow(10, floor(log10(rough)))
    step = power * ([1, 2, 5].first { power * $0 >= rough * 0.999 } ?? 10)
    let first = widened ? floor(low / step + 1e-9) : ceil(low / step - 1e-9)
    let last = widened ? ceil(high / step - 1e-9) : floor(high / step + 1e-9)
    let step = step
    ticks = stride(from: first, through: last, by: 1).map { $0 * step + 0 }
    self.low = widened ? first * step : low
    self.high = widened ? last * step : high
    self.start = start
    length = end - start
  }

  package func place(_ value: Double) -> Double {
    start + (min(high, max(low, value)) - low) / (high - low) * length
  }

  /// A tick with as many digits as tell it from its neighbours.
  package func text(_ tick: Double) -> String {
    let largest = max(abs(low), abs(high))
    if largest >= 1e7 || largest < 1e-4 { return String(format: "%.3g", tick) }
    return NumberText.fixed(tick, max(0, Int(ceil(-log10(step) - 1e-9))))
  }
}
