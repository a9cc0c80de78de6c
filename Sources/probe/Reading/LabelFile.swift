import Files
import TokenStore

/// A file of labels that override those in caches: comma- or tab-separated values, an image's id and its label a line.
///
/// Labels are names of classes, or whole numbers: if all are names of the caches' classes, they are those; if all are
/// numbers, they number the caches' classes, or others where one is too high for them; else the names in the file are
/// the classes, in the order of their code points. -1 is none. Where the header calls the column `labels`, or a line
/// holds a `;`, images have any number of labels, with `;` between them, even none.
///
/// The file is read anew for each set of caches, so that it takes up no memory for its lines.
public struct LabelFile: Sendable {
  public let path: String
  public let sha256: String
  public let classNames: [String]
  public let hasSeveralLabels: Bool
  /// The images that it lists.
  public let lineCount: Int
  private let file: MappedFile
  private let hasHeader: Bool
  /// By what stands in the file. Keyed by bytes, as Swift takes texts for equal that Unicode calls equivalent.
  private let classes: [[UInt8]: Int32]

  /// The most classes that numbers without names can make.
  private static let maximumClassCount = 1 << 20
  private static let none = Array("-1".utf8)
  private static let headers: Set = ["label", "labels", "class", "classes", "target", "targets"]

  /// - Parameters:
  ///   - cacheClasses: the classes in the caches.
  ///   - areFixed: whether there can be no others, as a trained head has these.
  /// - Throws: ``InputError`` that names the line, where one is not an id and its labels.
  public init(_ path: String, cacheClasses: [String], areFixed: Bool = false) throws(InputError) {
    self.path = path
    file = try MappedFile(path)
    sha256 = SHA256.hexadecimal(of: file)
    var text = DelimitedText(file, delimiter: DelimitedText.delimiter(of: file))
    let first = try text.next()
    let header = first.map { $0.fields.map { $0.lowercased() } } ?? []
    hasHeader = header.count == 2 && header[0] == "id" && Self.headers.contains(header[1])
    var names = LabelNames(path)
    var isSeveral = hasHeader && ["labels", "classes", "targets"].contains(header[1])
    var count = 0
    var records = Records(file, path, hasHeader: hasHeader)
    while let record = try records.next() {
      count += 1
      let labels = record.labels.split(separator: ";", omittingEmptySubsequences: false)
      if labels.count > 1 { isSeveral = true }
      for label in labels where !(labels.count == 1 && label.isEmpty) {
        try names.add(label, line: record.line)
      }
    }
    guard count > 0 else { throw InputError(path, "lists no images") }
    if !hasHeader, header.count == 2, Self.headers.contains(header[1]) {
      throw InputError(
        "\(path), line 1", "looks like a header, but its first column is \"\(header[0])\", not id",
        remedy: "call the columns id and label, or leave the header out")
    }
    hasSeveralLabels = isSeveral
    lineCount = count
    (classNames, classes) = try names.resolved(
      cacheClasses, areFixed: areFixed, maximumCount: Self.maximumClassCount)
  }

  /// - Parameter body: sees the row and the labels, ascending, of each line whose image is among the caches' rows.
  /// - Returns: the number of lines whose image is not among the caches' rows.
  /// - Throws: where an image is listed twice, a line has no label or one twice, or no line's image is there.
  func forEachRow(
    of caches: CacheSet, _ body: (_ row: Int, _ labels: [Int32]) -> Void
  ) throws(InputError) -> Int {
    let index = RowIndex(caches)
    var lines = [UInt32](repeating: 0, count: caches.rowCount)
    var foreignLineCount = 0
    var records = Records(file, path, hasHeader: hasHeader)
    while let record = try records.next() {
      let labels = try labels(record)
      var id = record.id
      let rows = id.withUTF8 { index.rows(id: UnsafeRawBufferPointer($0)) }
      for row in rows {
        guard lines[row] == 0 else {
          throw InputError(
            "\(path), line \(record.line)", "lists \(record.id) a second time, after line \(lines[row])")
        }
        lines[row] = UInt32(clamping: record.line)
        if let labels { body(row, labels) }
      }
      if rows.isEmpty { foreignLineCount += 1 }
    }
    guard foreignLineCount < lineCount else {
      throw InputError(
        path, "lists none of the images of \(caches.name), whose ids are like \(caches.id(row: 0))",
        remedy: "write ids as extract inspect and probe eval --predictions show them")
    }
    return foreignLineCount
  }

  /// - Throws: where the file lists an id that both sets of caches have, of images in different caches: which of the two it
  ///   means is not said.
  func refuseImagesOfBoth(_ training: CacheSet, _ validation: CacheSet) throws(InputError) {
    let (own, other) = (RowIndex(training), RowIndex(validation))
    var records = Records(file, path, hasHeader: hasHeader)
    while let record = try records.next() {
      var id = record.id
      let isOfBoth = id.withUTF8 { bytes in
        let bytes = UnsafeRawBufferPointer(bytes)
        let paths = Set(own.rows(id: bytes).map { training.place(row: $0).cache.path })
        return other.rows(id: bytes).contains {
          !paths.isEmpty && !paths.contains(validation.place(row: $0).cache.path)
        }
      }
      guard !isOfBoth else {
        throw InputError(
          "\(path), line \(record.line)",
          "lists \(record.id), an image of \(training.name) and of \(validation.name)",
          remedy: "give the labels of validation images in a file of their own: --label-file-val")
      }
    }
  }

  /// - Returns: nil where the line says that the image has no label.
  private func labels(_ record: Records.Record) throws(InputError) -> [Int32]? {
    let subject = "\(path), line \(record.line)"
    if record.labels.utf8.elementsEqual(Self.none) { return nil }
    if record.labels.isEmpty {
      guard hasSeveralLabels else { throw InputError(subject, "has no label", remedy: "write -1 for none") }
      return []
    }
    var labels: [Int32] = []
    for label in record.labels.split(separator: ";", omittingEmptySubsequences: false) {
      guard let value = classes[Array(label.utf8)] else {
        throw InputError(subject, "has the label \"\(label)\" beside others")
      }
      labels.append(value)
    }
    labels.sort()
    for (label, next) in zip(labels, labels.dropFirst()) where label == next {
      throw InputError(subject, "has the label \(classNames[Int(label)]) twice")
    }
    return labels
  }
}

/// The lines of a label file behind its header.
private struct Records {
  struct Record {
    let line: Int
    let id: String
    let labels: String
  }

  private let path: String
  private var text: DelimitedText
  private var skips: Bool

  init(_ file: MappedFile, _ path: String, hasHeader: Bool) {
    self.path = path
    text = DelimitedText(file, delimiter: DelimitedText.delimiter(of: file))
    skips = hasHeader
  }

  mutating func next() throws(InputError) -> Record? {
    if skips {
      skips = false
      _ = try text.next()
    }
    guard let (line, fields) = try text.next() else { return nil }
    guard fields.count == 2 else {
      throw InputError(
        "\(path), line \(line)", "has \(fields.count) fields, where an id and a label are expected",
        remedy: "write lines such as: some/image.jpg,cat")
    }
    guard !fields[0].isEmpty else { throw InputError("\(path), line \(line)", "has no id") }
    return Record(line: line, id: fields[0], labels: fields[1])
  }
}

/// The different labels of a file, and what they mean.
private struct LabelNames {
  private let path: String
  /// The line on which each first stands.
  private var lines: [[UInt8]: Int] = [:]

  init(_ path: String) { self.path = path }

  mutating func add(_ label: Substring, line: Int) throws(InputError) {
    let subject = "\(path), line \(line)"
    guard let first = label.first, let last = label.last else {
      throw InputError(subject, "has an empty label", remedy: "put nothing or one ; between labels")
    }
    guard !first.isWhitespace, !last.isWhitespace else {
      throw InputError(subject, "has white space around the label \"\(label)\"", remedy: "remove it")
    }
    let bytes = Array(label.utf8)
    if lines[bytes] == nil { lines[bytes] = line }
  }

  /// - Returns: the classes, and the class of each label.
  func resolved(
    _ cacheClasses: [String], areFixed: Bool, maximumCount: Int
  ) throws(InputError) -> (names: [String], classes: [[UInt8]: Int32]) {
    var known: [[UInt8]: Int32] = [:]
    for (label, name) in cacheClasses.enumerated() { known[Array(name.utf8)] = Int32(label) }
    let labels = lines.keys.filter { !$0.elementsEqual("-1".utf8) }
    guard !labels.isEmpty else { throw InputError(path, "gives no image a label") }
    if labels.allSatisfy({ known[$0] != nil }) { return (cacheClasses, known) }
    let numbers = labels.compactMap { label in Self.number(label).map { (label, $0) } }
    if numbers.count == labels.count {
      let highest = numbers.max { $0.1 < $1.1 }!
      guard highest.1 >= cacheClasses.count else {
        return (cacheClasses, Self.table(numbers))
      }
      guard !areFixed, highest.1 < maximumCount else {
        throw InputError(
          "\(path), line \(lines[highest.0]!)",
          "has the label \(highest.1), where there are \(areFixed ? cacheClasses.count : maximumCount) classes at most",
          remedy: "number classes from 0")
      }
      return ((0...highest.1).map(String.init), Self.table(numbers))
    }
    if let number = numbers.filter({ known[$0.0] == nil }).min(by: { lines[$0.0]! < lines[$1.0]! }) {
      throw InputError(
        "\(path), line \(lines[number.0]!)", "has the label \(number.1), a number, where others are names",
        remedy: "write one or the other")
    }
    let unknown = labels.filter { known[$0] == nil }.min { lines[$0]! < lines[$1]! }!
    guard !areFixed else {
      throw InputError(
        "\(path), line \(lines[unknown]!)",
        "has the label \"\(String(decoding: unknown, as: UTF8.self))\", which is no class of the head")
    }
    let names = labels.sorted { $0.lexicographicallyPrecedes($1) }
    return (
      names.map { String(decoding: $0, as: UTF8.self) },
      Dictionary(uniqueKeysWithValues: zip(names, Int32(0)...))
    )
  }

  /// A whole number from 0, written with digits alone.
  private static func number(_ label: [UInt8]) -> Int? {
    label.allSatisfy { (0x30...0x39).contains($0) } ? Int(String(decoding: label, as: UTF8.self)) : nil
  }

  private static func table(_ numbers: [([UInt8], Int)]) -> [[UInt8]: Int32] {
    Dictionary(uniqueKeysWithValues: numbers.map { ($0.0, Int32($0.1)) })
  }
}
