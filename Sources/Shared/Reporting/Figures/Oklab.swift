import Foundation

/// A colour by lightness and two opponent axes, in which equal distances look alike.
package struct Oklab {
  package var lightness: Double
  package var greenRed: Double
  package var blueYellow: Double

  /// - Parameter hexadecimal: 0xRRGGBB in sRGB.
  package init(_ hexadecimal: Int) {
    func linear(_ shift: Int) -> Double {
      let value = Double(hexadecimal >> shift & 0xFF) / 255
      return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
    }
    let (red, green, blue) = (linear(16), linear(8), linear(0))
    let long = cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    let medium = cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    let short = cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    greenRed = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    blueYellow = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
  }

  /// Red, green and blue in sRGB, cut off where a screen has no such colour.
  package var rgb: [UInt8] {
    func cube(_ value: Double) -> Double { value * value * value }
    let long = cube(lightness + 0.3963377774 * greenRed + 0.2158037573 * blueYellow)
    let medium = cube(lightness - 0.1055613458 * greenRed - 0.0638541728 * blueYellow)
    let short = cube(lightness - 0.0894841775 * greenRed - 1.2914855480 * blueYellow)
    let linear = [
      4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
      -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
      -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    ]
    return linear.map { value in
      let encoded = value <= 0.0031308 ? 12.92 * value : 1.055 * pow(value, 1 / 2.4) - 0.055
      return UInt8((min(max(encoded, 0), 1) * 255).rounded())
    }
  }

  package func distance(to other: Oklab) -> Double {
    let steps = [
      lightness - other.lightness, greenRed - other.greenRed, blueYellow - other.blueYellow,
    ]
    return steps.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }

  func mixed(with other: Oklab, share: Double) -> Oklab {
    var mixed = self
    mixed.lightness += share * (other.lightness - lightness)
    mixed.greenRed += share * (other.greenRed - greenRed)
    mixed.blueYellow += share * (other.blueYellow - blueYellow)
    return mixed
  }
}
