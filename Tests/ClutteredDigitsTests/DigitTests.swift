import Files
import Testing
import cluttered_digits

@Suite struct DigitTests {
  @Test func theWholeSetIsThere() throws {
    let digits = try Digit.all()
    #expect(digits.count == 1797)
    // As sklearn.datasets.load_digits has them.
    #expect(digits.prefix(10).map(\.label) == Array(0..<10))
    #expect(digits[0].ink.prefix(8).map { $0 * 16 } == [0, 0, 5, 13, 9, 1, 0, 0])
    let sums: [Float] = digits.map { digit in digit.ink.reduce(0, +) * 16 }
    #expect(sums.reduce(0, +) == 561718)
  }

  @Test func noDigitIsInBothParts() throws {
    let digits = try Digit.all()
    let (train, validation) = Digit.split(digits)
    #expect(train.count == 1352 && validation.count == 445)
    #expect(Set(train).isDisjoint(with: validation))
    #expect(Set(train).union(validation) == Set(digits))
    for label in 0..<10 {
      #expect(validation.count { $0.label == label } == digits.count { $0.label == label } / 4)
    }
  }

  @Test func inkIsBilinearBetweenPixelCentres() throws {
    let digit = try Digit.all()[0]
    #expect(digit.ink(x: 2.5, y: 0.5) == Float(5) / 16)
    #expect(digit.ink(x: 3, y: 0.5) == Float(9) / 16)
    #expect(digit.ink(x: 2.5, y: 0) == Float(2.5) / 16)
    #expect(digit.ink(x: -3, y: 4) == 0 && digit.ink(x: 4, y: 20) == 0)
  }

  @Test(arguments: [
    "0123", "x" + String(repeating: "0", count: 64), "a" + String(repeating: "0", count: 64),
    "1" + String(repeating: "0", count: 63) + "h", "1" + String(repeating: "0", count: 65),
  ])
  func aBadLineIsNamed(_ line: String) {
    let good = "7" + String(repeating: "g", count: 64)
    let error = #expect(throws: InputError.self) { try Digit.parse(Array("\(good)\n\(line)\n".utf8)) }
    #expect(error?.reason.contains("line 2") == true)
  }
}
