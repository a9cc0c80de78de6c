import Foundation

/// Maps the values of an axis to places in a picture, and chooses the ticks: steps of 1, 2 or 5 times a power of ten, or on a
/// logarithmic axis powers of ten, with 2 and 5 times them where there are few.
package struct AxisScale: Sendable {
  package let ticks: [Double]
  package let low: Double
  package let high: Double
  /// Between ticks; 0 on a logarithmic axis.
  private let step: Double
  private let isLogarithmic: Bool
  private let start: Double
  private let length: Double

  /// - Parameters:
  ///   - values: what must fit; other than finite ones are left out.
  ///   - bounds: what the axis does not go beyond, unless values do; what it shows without values.
  ///   - tickCount: about how many ticks are wanted.
  ///   - widened: whether the axis ends at ticks instead of at the outermost values.
  ///   - isWhole: whether ticks between whole numbers make no sense.
  ///   - isLogarithmic: whether places are of logarithms; values are then above 0.
  ///   - start: where the lowest value lies in the picture.
  ///   - end: where the highest one lies, which may be before the start.
  package init(
    _ values: [Double], bounds: ClosedRange<Double>? = nil, tickCount: Int = 6, widened: Bool = true,
    isWhole: Bool = false, isLogarithmic: Bool = false, from start: Double, to end: Double
  ) {
    // Within a range that spans and steps can be computed in.
    let finite = Self.finite(values, or: bounds).map { min(1e300, max(isLogarithmic ? 1e-290 : -1e300, $0)) }
    let most = Self.most(bounds, holding: finite)
    let room = Self.ends(finite, isLogarithmic: isLogarithmic)
    let ends = (low: max(room.low, most.low), high: min(room.high, most.high))
    let all: (ticks: [Double], low: Double, high: Double)
    if isLogarithmic {
      step = 0
      all = Self.logarithmicTicks(ends, count: tickCount, widened: widened, isWhole: isWhole)
    } else {
      step = Self.step(ends, count: tickCount, isWhole: isWhole)
      all = Self.evenTicks(ends, step: step, widened: widened)
    }
    (low, high) = (max(all.low, most.low), min(all.high, most.high))
    // A tick at a bound is there whatever its rounding.
    ticks = all.ticks.filter {
      $0 >= most.low - abs(most.low) * 1e-9 && $0 <= most.high + abs(most.high) * 1e-9
    }
    self.isLogarithmic = isLogarithmic
    self.start = start
    length = end - start
  }

  private static func finite(_ values: [Double], or bounds: ClosedRange<Double>?) -> [Double] {
    let finite = values.filter(\.isFinite)
    return finite.isEmpty ? bounds.map { [$0.lowerBound, $0.upperBound] } ?? [] : finite
  }

  /// What the axis may span.
  private static func most(
    _ bounds: ClosedRange<Double>?, holding values: [Double]
  ) -> (low: Double, high: Double) {
    guard let bounds, let least = values.min(), let greatest = values.max() else {
      return (-.infinity, .infinity)
    }
    return (min(bounds.lowerBound, least), max(bounds.upperBound, greatest))
  }

  /// The outermost values. A single value, or values that differ by rounding alone, get some room.
  private static func ends(_ values: [Double], isLogarithmic: Bool) -> (low: Double, high: Double) {
    let (low, high) = (values.min() ?? (isLogarithmic ? 1 : 0), values.max() ?? (isLogarithmic ? 10 : 1))
    if isLogarithmic { return high > low * 1.0001 ? (low, high) : (low / 2, high * 2) }
    if high - low > max(1e-290, max(abs(low), abs(high)) * 1e-9) { return (low, high) }
    let room = max(abs(low) * 0.1, 0.5)
    return (low - room, high + room)
  }

  private static func step(_ ends: (low: Double, high: Double), count: Int, isWhole: Bool) -> Double {
    let rough = max((ends.high - ends.low) / Double(max(1, count)), isWhole ? 1 : 0)
    let power = pow(10, floor(log10(rough)))
    return power * ([1, 2, 5].first { power * $0 >= rough * 0.999 } ?? 10)
  }

  private static func evenTicks(
    _ ends: (low: Double, high: Double), step: Double, widened: Bool
  ) -> (ticks: [Double], low: Double, high: Double) {
    let (low, high) = ends
    let first = widened ? floor(low / step + 1e-9) : ceil(low / step - 1e-9)
    let last = widened ? ceil(high / step - 1e-9) : floor(high / step + 1e-9)
    let ticks = stride(from: first, through: last, by: 1).map { $0 * step + 0 }
    return (ticks, widened ? first * step : low, widened ? last * step : high)
  }

  private static func logarithmicTicks(
    _ ends: (low: Double, high: Double), count: Int, widened: Bool, isWhole: Bool
  ) -> (ticks: [Double], low: Double, high: Double) {
    let powers = Int(floor(log10(ends.low) + 1e-9))...Int(ceil(log10(ends.high) - 1e-9))
    let multiples = powers.count <= 4 ? [1.0, 2, 5] : [1]
    let every = max(1, powers.count / max(1, count))
    let all = powers.filter { $0 % every == 0 }.flatMap { power in
      multiples.map { $0 * pow(10, Double(power)) }
    }
    // Below 1 there are no counts to name.
    let low = widened && !isWhole ? all.last { $0 <= ends.low * 1.0001 } ?? ends.low : ends.low
    let high = widened ? all.first { $0 >= ends.high * 0.9999 } ?? ends.high : ends.high
    return (all.filter { $0 >= max(isWhole ? 1 : 0, low * 0.9999) && $0 <= high * 1.0001 }, low, high)
  }

  package func place(_ value: Double) -> Double {
    let value = min(high, max(low, value))
    let share =
      isLogarithmic ? (log(value) - log(low)) / (log(high) - log(low)) : (value - low) / (high - low)
    return start + share * length
  }

  /// The same ticks at other places.
  func from(_ start: Double, to end: Double) -> AxisScale { AxisScale(self, from: start, to: end) }

  private init(_ other: AxisScale, from start: Double, to end: Double) {
    (ticks, low, high, step) = (other.ticks, other.low, other.high, other.step)
    isLogarithmic = other.isLogarithmic
    self.start = start
    length = end - start
  }

  /// A tick with as many digits as tell it from its neighbours.
  package func text(_ tick: Double) -> String {
    if isLogarithmic { return NumberText.significant(tick, 2) }
    let largest = max(abs(low), abs(high))
    if largest >= 1e7 || largest < 1e-4 { return String(format: "%.3g", tick) }
    return NumberText.fixed(tick, max(0, Int(ceil(-log10(step) - 1e-9))))
  }

  /// How wide the texts of the ticks are at most, in pixels.
  var textWidth: Double { ticks.map { Picture.textWidth(text($0)) * 11 / 12 }.max() ?? 0 }
}
