import Foundation

/// Colours of numbers: viridis, whose lightness rises evenly, so that it is read with any colour vision and in gray
/// (van der Walt and Smith, 2015).
enum ColourMap {
  /// At 0, 1/16, ... 1.
  private static let stops: [(red: Double, green: Double, blue: Double)] = [
    (68, 1, 84), (72, 26, 108), (71, 47, 125), (65, 68, 135), (57, 86, 140), (49, 104, 142), (42, 120, 142),
    (35, 136, 142), (31, 152, 139), (34, 168, 132), (53, 183, 121), (84, 197, 104), (122, 209, 81),
    (165, 219, 54), (210, 226, 27), (234, 229, 26), (253, 231, 37),
  ]

  /// - Parameter share: of the range, 0 ... 1.
  static func colour(_ share: Double) -> (red: UInt8, green: UInt8, blue: UInt8) {
    let place = min(1, max(0, share)) * Double(stops.count - 1)
    let (index, rest) = (min(Int(place), stops.count - 2), place - Double(min(Int(place), stops.count - 2)))
    func between(_ channel: (Int) -> Double) -> UInt8 {
      UInt8((channel(index) + (channel(index + 1) - channel(index)) * rest).rounded())
    }
    return (between { stops[$0].red }, between { stops[$0].green }, between { stops[$0].blue })
  }

  /// As CSS has it.
  static func text(_ share: Double) -> String {
    let colour = colour(share)
    return String(format: "#%02x%02x%02x", colour.red, colour.green, colour.blue)
  }

  /// Whether black is read better on the colour than white.
  static func isLight(_ share: Double) -> Bool {
    let colour = colour(share)
    return 0.299 * Double(colour.red) + 0.587 * Double(colour.green) + 0.114 * Double(colour.blue) > 140
  }
}
