import Files

/// One handwritten digit of the UCI optical-recognition set: 8 x 8 pixels with ink from 0 to 1.
package struct Digit: Hashable, Sendable {
  package static let side = 8

  /// 0 to 9.
  package let label: Int
  /// Row by row, 64 values.
  package let ink: [Float]

  /// The ink at a place in pixels from the upper left corner, bilinear between pixel centres, 0 outside.
  package func ink(x: Float, y: Float) -> Float {
    let left = (x - 0.5).rounded(.down)
    let top = (y - 0.5).rounded(.down)
    let (right, bottom) = (x - 0.5 - left, y - 0.5 - top)
    let upper = at(left, top) * (1 - right) + at(left + 1, top) * right
    let lower = at(left, top + 1) * (1 - right) + at(left + 1, top + 1) * right
    return upper * (1 - bottom) + lower * bottom
  }

  private func at(_ column: Float, _ row: Float) -> Float {
    let side = Float(Digit.side)
    guard column >= 0, column < side, row >= 0, row < side else { return 0 }
    return ink[Int(row) * Digit.side + Int(column)]
  }
}

extension Digit {
  /// All 1,797 digits, in the set's order.
  package static func all() throws(InputError) -> [Digit] { try parse(PackageResources.optdigits_txt) }

  /// Reads one digit a line: the label, then 64 characters 0-9a-g for ink 0 to 16 (tools/reference/optdigits.py).
  package static func parse(_ text: [UInt8]) throws(InputError) -> [Digit] {
    var digits: [Digit] = []
    for (index, line) in text.split(separator: UInt8(ascii: "\n")).enumerated() {
      let values = line.compactMap { Character(UnicodeScalar($0)).hexDigitOrG }
      guard line.count == 65, values.count == 65, values[0] < 10 else {
        throw InputError("optdigits.txt", "line \(index + 1) is not a label and 64 pixels")
      }
      digits.append(Digit(label: values[0], ink: values.dropFirst().map { Float($0) / 16 }))
    }
    return digits
  }

  /// Splits the digits so that no handwritten image is in both parts: of each label the last quarter, in the set's
  /// order, is for validation. People wrote one after the other, so most hands are new there, too.
  package static func split(_ digits: [Digit]) -> (train: [Digit], validation: [Digit]) {
    var parts: (train: [Digit], validation: [Digit]) = ([], [])
    for label in 0..<10 {
      let same = digits.filter { $0.label == label }
      parts.train += same.dropLast(same.count / 4)
      parts.validation += same.suffix(same.count / 4)
    }
    return parts
  }
}

extension Character {
  /// 0 to 16 for 0-9 and a-g.
  fileprivate var hexDigitOrG: Int? { self == "g" ? 16 : hexDigitValue }
}
