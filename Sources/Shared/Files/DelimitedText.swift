/// Reads delimited text as RFC 4180 has it, record by record: fields in quotes may hold delimiters, line breaks and
/// doubled quotes. Lines may end in LF or CR LF; empty lines are passed over; a byte order mark is, too.
package struct DelimitedText {
  private let file: MappedFile
  private let delimiter: UInt8
  private var offset = 0
  /// From 1.
  private var line = 1

  private static let (quote, lineFeed, carriageReturn) = (UInt8(ascii: "\""), UInt8(0x0A), UInt8(0x0D))

  package init(_ file: MappedFile, delimiter: UInt8) {
    self.file = file
    self.delimiter = delimiter
    offset = FileSlice(file).behindByteOrderMark.range.lowerBound
  }

  /// Whether a file's fields end with commas or tabs: told by its ending, or by a tab in the first line of one that ends
  /// otherwise.
  package static func delimiter(of file: MappedFile) -> UInt8 {
    let (comma, tab) = (UInt8(ascii: ","), UInt8(ascii: "\t"))
    let ending = file.path.suffix(4).lowercased()
    if ending == ".csv" || ending == ".tsv" { return ending == ".csv" ? comma : tab }
    return file.bytes.prefix { $0 != lineFeed }.contains(tab) ? tab : comma
  }

  /// - Returns: the next record and the line that it begins on; nil behind the last one.
  /// - Throws: ``InputError`` that names the line, where quotes are out of order or a field is not UTF-8.
  package mutating func next() throws(InputError) -> (line: Int, fields: [String])? {
    while takesLineEnd() {}
    guard offset < file.bytes.count else { return nil }
    let first = line
    var fields = [try field()]
    while true {
      if peek == delimiter {
        offset += 1
        fields.append(try field())
      } else if peek == nil || takesLineEnd() {
        return (first, fields)
      } else {
        // Only behind a closing quote does a field end anywhere else.
        throw fault("holds text behind a closing quote")
      }
    }
  }

  private var peek: UInt8? { offset < file.bytes.count ? file.bytes[offset] : nil }

  private mutating func takesLineEnd() -> Bool {
    if peek == Self.carriageReturn, offset + 1 < file.bytes.count, file.bytes[offset + 1] == Self.lineFeed {
      offset += 1
    }
    guard peek == Self.lineFeed else { return false }
    offset += 1
    line += 1
    return true
  }

  private mutating func field() throws(InputError) -> String {
    guard peek == Self.quote else { return try plainField() }
    offset += 1
    var bytes: [UInt8] = []
    while let byte = peek {
      offset += 1
      if byte == Self.lineFeed { line += 1 }
      if byte == Self.quote {
        guard peek == Self.quote else { return try text(bytes) }
        offset += 1
      }
      bytes.append(byte)
    }
    throw fault("ends within quotes")
  }

  private mutating func plainField() throws(InputError) -> String {
    let start = offset
    while let byte = peek, byte != delimiter, byte != Self.lineFeed {
      if byte == Self.quote { throw fault("holds a quote within a field that does not begin with one") }
      offset += 1
    }
    if peek == Self.lineFeed, offset > start, file.bytes[offset - 1] == Self.carriageReturn { offset -= 1 }
    return try text(file.bytes[start..<offset])
  }

  private func text(_ bytes: some Sequence<UInt8>) throws(InputError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw fault("is not UTF-8") }
    return text
  }

  private func fault(_ reason: String) -> InputError { InputError("\(file.path), line \(line)", reason) }
}
