import Foundation

/// Numbers as people read them; the same in every locale.
public enum NumberText {
  /// A fixed number of digits after the point: `0.250`.
  public static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite else { return nonFinite(value) }
    let text = String(format: "%.\(digits)f", value)
    // What rounds to nothing has no sign.
    return text.hasPrefix("-") && !text.contains { ("1"..."9").contains($0) }
      ? String(text.dropFirst()) : text
  }

  /// A share of one as a percentage, for example `71.3 %`.
  public static func percentage(_ share: Double, digits: Int = 1) -> String {
    "\(fixed(share * 100, digits)) %"
  }

  /// About three digits: `1234`, `123`, `12.3`, `1.23`, `0.012`.
  public static func rounded(_ value: Double) -> String {
    guard value.isFinite else { return nonFinite(value) }
    let digits =
      switch abs(value) {
      case 100...: 0
      case 10...: 1
      case 1...: 2
      default: 3
      }
    return fixed(value, digits)
  }

  /// So many digits that tell something, without zeros at the end: `0.00123`, `12.3`, `4`, `1.50e-07`.
  public static func significant(_ value: Double, _ digits: Int = 3) -> String {
    guard value.isFinite else { return nonFinite(value) }
    guard value != 0 else { return "0" }
    let place = Int(floor(log10(abs(value))))
    guard (-5...9).contains(place) else { return String(format: "%.\(digits - 1)e", value) }
    let text = fixed(value, max(0, digits - 1 - place))
    guard text.contains(".") else { return text }
    let end = text.lastIndex { $0 != "0" }!
    return String(text[...end].last == "." ? text[..<end] : text[...end])
  }

  /// A loss: three digits behind the point, `0.250`, unless it has become so large that they say nothing.
  public static func loss(_ value: Double) -> String {
    abs(value) < 1e6 ? fixed(value, 3) : significant(value)
  }

  /// The two largest units: `0.5 s`, `42 s`, `3 min 12 s`, `2 h 5 min`, `4 d 1 h`.
  public static func duration(seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "unknown time" }
    if seconds < 9.95 { return "\(fixed(max(0, seconds), 1)) s" }
    let whole = Int(seconds.rounded())
    switch whole {
    case ..<60: return "\(whole) s"
    case ..<3600: return "\(whole / 60) min \(whole % 60) s"
    case ..<86400: return "\(whole / 3600) h \(whole % 3600 / 60) min"
    default: return "\(whole / 86400) d \(whole % 86400 / 3600) h"
    }
  }

  /// Decimal units, as disks are sold: `512 B`, `1.23 MB`, `4.5 GB`.
  public static func bytes(_ count: Int) -> String {
    var value = Double(count)
    for unit in ["B", "kB", "MB", "GB", "TB"] {
      if abs(value) < 999.5 { return "\(unit == "B" ? "\(count)" : rounded(value)) \(unit)" }
      value /= 1000
    }
    return "\(rounded(value)) PB"
  }

  private static func nonFinite(_ value: Double) -> String {
    value.isNaN ? "not a number" : value < 0 ? "-infinite" : "infinite"
  }
}
