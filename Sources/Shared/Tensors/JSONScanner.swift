/// Reads the small part of JSON (RFC 8259) that headers and indices are made of, straight into typed values.
///
/// A header from a stranger may be 100 MB: no tree of values is built from it, so memory stays near the header's own
/// size, and nothing recurses. Unlike Foundation's decoder, it shows its caller a key that is there twice.
struct JSONScanner {
  /// What is wrong, and at which byte of the text.
  struct Malformed: Error {
    let reason: String
    let offset: Int
  }

  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  func malformed(_ reason: String) -> Malformed { Malformed(reason: reason, offset: offset) }

  /// Reads `{"key": value, ...}`; `readValue` is called behind each key's colon and must read the value.
  mutating func object(
    _ readValue: (_ scanner: inout JSONScanner, _ key: String) throws(Malformed) -> Void
  ) throws(Malformed) {
    try expect("{")
    if takes("}") { return }
    repeat {
      let key = try string()
      try expect(":")
      try readValue(&self, key)
    } while takes(",")
    try expect("}")
  }

  /// Reads `[integer, ...]`, no longer than `limit`.
  mutating func integers(limit: Int) throws(Malformed) -> [Int] {
    try expect("[")
    if takes("]") { return [] }
    var values: [Int] = []
    repeat {
      guard values.count < limit else { throw malformed("a list is longer than \(limit) numbers") }
      values.append(try integer())
    } while takes(",")
    try expect("]")
    return values
  }

  /// Reads a whole number without fraction or exponent that fits 64 bits.
  mutating func integer() throws(Malformed) -> Int {
    skipSpace()
    let start = offset
    if peek == UInt8(ascii: "-") { offset += 1 }
    while let byte = peek, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte { offset += 1 }
    let text = String(decoding: bytes[start..<offset], as: UTF8.self)
    guard let value = Int(text), String(value) == text else {
      throw Malformed(reason: "a whole number of at most 64 bits should stand here", offset: start)
    }
    if let byte = peek, byte == UInt8(ascii: ".") || byte | 0x20 == UInt8(ascii: "e") {
      throw malformed("a whole number should have no fraction or exponent")
    }
    return value
  }

  mutating func string() throws(Malformed) -> String {
    try expect("\"")
    var text: [UInt8] = []
    while let byte = peek, byte != UInt8(ascii: "\"") {
      guard byte >= 0x20 else { throw malformed("a control character stands in a string") }
      offset += 1
      if byte == UInt8(ascii: "\\") { try escape(into: &text) } else { text.append(byte) }
    }
    guard peek != nil else { throw malformed("a string does not end") }
    offset += 1
    guard let string = String(validating: text, as: UTF8.self) else {
      throw malformed("a string is not UTF-8")
    }
    return string
  }

  /// Passes over a value of any kind. How deep it is nested costs a scalar a level and no stack.
  mutating func skipValue() throws(Malformed) {
    var closers: [Unicode.Scalar] = []
    next: while true {
      if takes("{") {
        if !takes("}") {
          try skipKey()
          closers.append("}")
          continue
        }
      } else if takes("[") {
        if !takes("]") {
          closers.append("]")
          continue
        }
      } else {
        try skipScalar()
      }
      while let closer = closers.last {
        if takes(",") {
          if closer == "}" { try skipKey() }
          continue next
        }
        try expect(closer)
        closers.removeLast()
      }
      return
    }
  }

  private mutating func skipKey() throws(Malformed) {
    _ = try string()
    try expect(":")
  }

  /// Passes over text, a number, true, false or null.
  private mutating func skipScalar() throws(Malformed) {
    skipSpace()
    if peek == UInt8(ascii: "\"") {
      _ = try string()
      return
    }
    let start = offset
    while let byte = peek, "+-.0123456789abcdefghijklmnopqrstuvwxyzE".utf8.contains(byte) { offset += 1 }
    let word = String(decoding: bytes[start..<offset], as: UTF8.self)
    let isNumber = word.utf8.allSatisfy { "+-.0123456789eE".utf8.contains($0) } && Double(word) != nil
    guard isNumber || ["true", "false", "null"].contains(word) else {
      throw Malformed(reason: "a value should stand here", offset: start)
    }
  }

  /// Reads the white space behind the last value, and nothing else.
  mutating func end() throws(Malformed) {
    skipSpace()
    guard peek == nil else { throw malformed("more text follows the closing brace") }
  }

  // MARK: - Characters

  private var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
  }

  private mutating func takes(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard peek == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(Malformed) {
    guard takes(character) else { throw malformed("\(character) should stand here") }
  }

  /// Reads what follows a backslash.
  private mutating func escape(into text: inout [UInt8]) throws(Malformed) {
    guard let byte = peek else { throw malformed("a string does not end") }
    offset += 1
    switch UnicodeScalar(byte) {
    case "\"", "\\", "/": text.append(byte)
    case "b": text.append(0x08)
    case "f": text.append(0x0C)
    case "n": text.append(0x0A)
    case "r": text.append(0x0D)
    case "t": text.append(0x09)
    case "u": text.append(contentsOf: String(Character(try escapedScalar())).utf8)
    default: throw malformed("a string holds an unknown escape")
    }
  }

  /// Reads the digits of `\uXXXX`, and the second half of a surrogate pair.
  private mutating func escapedScalar() throws(Malformed) -> Unicode.Scalar {
    let first = try fourHexadecimalDigits()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xDC00, peek == UInt8(ascii: "\\") else { throw malformed("half a surrogate pair") }
    offset += 1
    guard peek == UInt8(ascii: "u") else { throw malformed("half a surrogate pair") }
    offset += 1
    let second = try fourHexadecimalDigits()
    guard 0xDC00...0xDFFF ~= second,
      let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    else { throw malformed("half a surrogate pair") }
    return scalar
  }

  private mutating func fourHexadecimalDigits() throws(Malformed) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek, let digit = Character(UnicodeScalar(byte)).hexDigitValue else {
        throw malformed("four hexadecimal digits should stand here")
      }
      value = value << 4 | UInt32(digit)
      offset += 1
    }
    return value
  }
}
