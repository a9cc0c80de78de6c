import Files

/// Colours for numbers of 0 to 1: from dark violet by way of blue and green to bright yellow. Equal steps of the number are
/// equal steps to the eye, the greater number is always the lighter colour, and no kind of colour blindness makes two parts
/// of the scale look alike, nor does printing in gray.
///
/// It goes through the colours of viridis (Smith and van der Walt 2015), along lines that are straight in Oklab (Ottosson
/// 2020), at an even pace there.
public enum ColourScale {
  private static let stops = [0x440154, 0x3B528B, 0x21918C, 0x5EC962, 0xFDE725]

  /// [256, 3]: red, green and blue of evenly spaced numbers.
  public static let table: [UInt8] = (0..<256).flatMap { colour(at: Double($0) / 255).rgb }

  /// - Parameter value: cut off at 0 and 1.
  public static func index(of value: Float) -> Int { Int((min(max(value, 0), 1) * 255).rounded()) }

  /// The colour of a number as CSS has it.
  static func css(_ share: Double) -> String {
    "#" + rgb(share).map { $0.digits(width: 2, radix: 16) }.joined()
  }

  /// Whether black is read better on the colour than white.
  static func isLight(_ share: Double) -> Bool {
    let colour = rgb(share).map(Double.init)
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 140
  }

  /// The scale from left to right as a gradient of CSS.
  static let cssGradient: String = {
    let colours = stride(from: 0, through: 1, by: 1.0 / 16).map(css)
    return "linear-gradient(to right,\(colours.joined(separator: ",")))"
  }()

  private static func rgb(_ share: Double) -> ArraySlice<UInt8> {
    let start = 3 * index(of: Float(share))
    return table[start..<start + 3]
  }

  private static func colour(at share: Double) -> Oklab {
    let path = stops.map(Oklab.init)
    let lengths = zip(path, path.dropFirst()).map { $0.distance(to: $1) }
    var rest = share * lengths.reduce(0, +)
    var line = 0
    while line < lengths.count - 1, rest > lengths[line] {
      rest -= lengths[line]
      line += 1
    }
    return path[line].mixed(with: path[line + 1], share: min(1, rest / lengths[line]))
  }
}
