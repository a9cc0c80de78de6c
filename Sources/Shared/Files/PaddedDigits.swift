extension FixedWidthInteger {
  /// The digits of a number that is not negative, with zeros in front where they are fewer than the width.
  package func digits(width: Int, radix: Int = 10) -> String {
    let digits = String(self, radix: radix)
    return String(repeating: "0", count: Swift.max(0, width - digits.utf8.count)) + digits
  }
}
