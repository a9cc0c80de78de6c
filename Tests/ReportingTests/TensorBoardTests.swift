import Files
import Foundation
import Reporting
import TestSupport
import Testing

/// What an event file holds, read without the code that writes it.
private struct Scalar: Equatable {
  var tag: String
  var value: Float
  var step: Int
}

private struct EventFile {
  var versions: [String] = []
  var scalars: [Scalar] = []
  var times: [Double] = []

  enum Damage: Error { case length, checksum, field }

  init(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      guard rest.count >= 16 else { throw Damage.length }
      let length = Self.integer(rest.prefix(8))
      guard Self.integer(rest.dropFirst(8).prefix(4)) == Self.maskedChecksum(rest.prefix(8)) else {
        throw Damage.checksum
      }
      rest = rest.dropFirst(12)
      guard rest.count >= length + 4 else { throw Damage.length }
      let data = rest.prefix(length)
      guard Self.integer(rest.dropFirst(length).prefix(4)) == Self.maskedChecksum(data) else {
        throw Damage.checksum
      }
      rest = rest.dropFirst(length + 4)
      try read(event: data)
    }
  }

  private mutating func read(event: ArraySlice<UInt8>) throws {
    var scalar = Scalar(tag: "", value: .nan, step: 0)
    var isScalar = false
    for (number, content) in try Self.fields(event) {
      switch number {
      case 1: times.append(Double(bitPattern: UInt64(Self.integer(content))))
      case 2: scalar.step = Self.integer(content)
      case 3: versions.append(String(decoding: content, as: UTF8.self))
      case 5:
        isScalar = true
        let values = try Self.fields(content)
        guard values.count == 1, values[0].number == 1 else { throw Damage.field }
        for (number, content) in try Self.fields(values[0].content) {
          if number == 1 { scalar.tag = String(decoding: content, as: UTF8.self) }
          if number == 2 { scalar.value = Float(bitPattern: UInt32(Self.integer(content))) }
        }
      default: throw Damage.field
      }
    }
    if isScalar { scalars.append(scalar) }
  }

  /// Numbers and contents; those of variable-length integers as 8 bytes.
  private static func fields(_ bytes: ArraySlice<UInt8>) throws -> [(number: Int, content: ArraySlice<UInt8>)]
  {
    var rest = bytes
    func variable() throws -> Int {
      var value = 0
      for shift in 0..<10 {
        guard let byte = rest.popFirst() else { throw Damage.field }
        value |= Int(byte & 0x7F) << (7 * shift)
        if byte & 0x80 == 0 { return value }
      }
      throw Damage.field
    }
    var result: [(Int, ArraySlice<UInt8>)] = []
    while !rest.isEmpty {
      let key = try variable()
      if key & 7 == 0 {
        let value = try variable()
        result.append((key >> 3, (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }[...]))
        continue
      }
      let count = try [1: 8, 5: 4][key & 7] ?? variable()
      guard rest.count >= count else { throw Damage.field }
      result.append((key >> 3, rest.prefix(count)))
      rest = rest.dropFirst(count)
    }
    return result
  }

  private static func integer(_ bytes: ArraySlice<UInt8>) -> Int {
    bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  /// Bit by bit.
  private static func maskedChecksum(_ bytes: ArraySlice<UInt8>) -> Int {
    var remainder: UInt64 = 0xFFFF_FFFF
    for byte in bytes {
      remainder ^= UInt64(byte)
      for _ in 0..<8 { remainder = (remainder >> 1) ^ (remainder & 1) * 0x82F6_3B78 }
    }
    let checksum = remainder ^ 0xFFFF_FFFF
    return Int((checksum >> 15 | (checksum << 17 & 0xFFFF_FFFF)) + 0xA282_EAD8) & 0xFFFF_FFFF
  }
}

@Suite struct TensorBoardTests {
  private let folder: TemporaryFolder
  private var path: String { folder.file(TensorBoardWriter.fileName) }

  init() throws { folder = try TemporaryFolder() }

  private func scalars(ofSteps steps: Range<Int>) -> [Scalar] {
    steps.flatMap {
      [
        Scalar(tag: "train/loss", value: 1 / Float($0 + 3), step: $0),
        Scalar(tag: "validation/top1", value: Float($0) / 7, step: $0),
      ]
    }
  }

  /// Writes the scalars of the steps, flushing after each step, all at the time 1000.
  private func write(steps: Range<Int>, keepingStepsBelow kept: Int = 0, time: Double = 1000) throws {
    let writer = try TensorBoardWriter(folder: folder.path, keepingStepsBelow: kept) { time }
    for step in steps {
      for scalar in scalars(ofSteps: step..<step + 1) {
        writer.add(tag: scalar.tag, value: Double(scalar.value), step: scalar.step)
      }
      try writer.flush()
    }
  }

  private func read() throws -> EventFile { try EventFile(try bytes(ofFile: path)) }

  /// The usual check value, and those of RFC 3720, appendix B.4.
  @Test(
    arguments: zip(
      checkedBytes, [0xE306_9283, 0, 0x8A91_36AA, 0x62A8_AB43, 0x46DD_794E, 0x113F_DB5C] as [UInt32]))
  func checksumsAreCastagnolis(_ bytes: [UInt8], _ expected: UInt32) {
    #expect(CRC32C.of(bytes) == expected)
  }

  private static let checkedBytes: [[UInt8]] = [
    Array("123456789".utf8), [], [UInt8](repeating: 0, count: 32), [UInt8](repeating: 0xFF, count: 32),
    Array(0..<32), Array((0..<32).reversed()),
  ]

  @Test func whatIsAddedIsRead() throws {
    try write(steps: 0..<3)
    let file = try read()
    #expect(file.versions == ["brain.Event:2"])
    #expect(file.scalars == scalars(ofSteps: 0..<3))
    #expect(file.times == Array(repeating: 1000, count: 7))
  }

  @Test func largeStepsLongTagsAndStrangeValuesComeBack() throws {
    let writer = try TensorBoardWriter(folder: folder.path, keepingStepsBelow: 0)
    let tag = String(repeating: "ä/", count: 5000)
    let expected = [
      Scalar(tag: tag, value: -.infinity, step: 1 << 40), Scalar(tag: "", value: -0.0, step: 127),
      Scalar(tag: "x", value: .greatestFiniteMagnitude, step: 128), Scalar(tag: "x", value: 0, step: .max),
    ]
    for scalar in expected { writer.add(tag: scalar.tag, value: Double(scalar.value), step: scalar.step) }
    writer.add(tag: "nan", value: .nan, step: 0)
    try writer.flush()
    let file = try read()
    #expect(file.scalars.dropLast() == expected[...])
    #expect(file.scalars.last?.value.isNaN == true)
    let now = Date().timeIntervalSince1970
    #expect(file.times.allSatisfy { abs($0 - now) < 3600 })
  }

  @Test func whatIsNotFlushedIsNotThere() throws {
    let writer = try TensorBoardWriter(folder: folder.path, keepingStepsBelow: 0)
    writer.add(tag: "x", value: 1, step: 0)
    #expect(try read().scalars.isEmpty)
    try writer.flush()
    try writer.flush()
    #expect(try read().scalars.count == 1)
  }

  @Test(arguments: 0...5) func aResumedRunWritesTheSameBytes(_ kept: Int) throws {
    try write(steps: 0..<5)
    let whole = try bytes(ofFile: path)
    try write(steps: kept..<5, keepingStepsBelow: kept)
    #expect(try bytes(ofFile: path) == whole)
  }

  /// Wherever a process is killed, in the first record, in the last step, or in between.
  @Test func whatIsHalfWrittenIsCut() throws {
    try write(steps: 0..<2)
    let whole = try bytes(ofFile: path)
    let first = 40
    for length in 0..<whole.count {
      try folder.write(whole.prefix(length), to: TensorBoardWriter.fileName)
      // Of a run whose checkpoint is of one step, the event file has that step, as it is flushed before.
      let kept = length < (whole.count + first) / 2 ? 0 : 1
      try write(steps: kept..<2, keepingStepsBelow: kept)
      #expect(try bytes(ofFile: path) == whole, "cut to \(length) bytes")
    }
  }

  @Test func damageEndsWhatIsKept() throws {
    try write(steps: 0..<3)
    let whole = try bytes(ofFile: path)
    for place in stride(from: 40, to: whole.count, by: 5) {
      var damaged = whole
      damaged[place] ^= 0x10
      try folder.write(damaged, to: TensorBoardWriter.fileName)
      _ = try TensorBoardWriter(folder: folder.path, keepingStepsBelow: 3)
      let file = try read()
      #expect(
        file.scalars.count < 6 && file.scalars == Array(scalars(ofSteps: 0..<3).prefix(file.scalars.count)))
    }
  }

  @Test func timesAreAllThatDiffersBetweenRuns() throws {
    try write(steps: 0..<3, time: 1)
    let first = try read()
    try write(steps: 1..<3, keepingStepsBelow: 1, time: 2)
    let resumed = try read()
    #expect(resumed.scalars == first.scalars && resumed.versions == first.versions)
    #expect(resumed.times == [1, 1, 1, 2, 2, 2, 2])
  }

  /// Steps that no run of ours has, behind valid checksums, and events that are no messages.
  @Test(
    arguments: [
      [0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
      [0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], [0x10], [0x0A, 0x7F, 0x00],
      [0x09, 0x00],
      [0x0D, 0x00], [0x0B], [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
    ] as [[UInt8]])
  func hostileEventsAreCut(_ event: [UInt8]) throws {
    try write(steps: 0..<1)
    let whole = try bytes(ofFile: path)
    try folder.write(whole + TensorBoardRecord.framed(event), to: TensorBoardWriter.fileName)
    try write(steps: 0..<0, keepingStepsBelow: 7)
    #expect(try bytes(ofFile: path) == whole)
  }

  @Test(arguments: [
    Array("short".utf8), Array("something else, and precious to whoever wrote it".utf8),
    [UInt8](repeating: 0, count: 100), TensorBoardRecord.framed([]), TensorBoardRecord.framed([0x10, 0x01]),
  ])
  func anotherKindOfFileIsNeverCut(_ precious: [UInt8]) throws {
    try folder.write(precious, to: TensorBoardWriter.fileName)
    let error = #expect(throws: InputError.self) {
      try TensorBoardWriter(folder: folder.path, keepingStepsBelow: 0)
    }
    #expect(error?.reason.contains("not an event file") == true)
    #expect(try bytes(ofFile: path) == precious)
  }

  /// What TensorBoard's own messages make of these settings, their maps' keys in order, at the time 7.
  private static let settingsOfTensorBoard = """
    090000000000001c402a6c0a6a0a1c5f68706172616d735f2f73657373696f6e5f73746172745f696e666f420e08011204120208012204000000\
    004a3a0a380a0768706172616d73122d1a2b0a0d0a046865616412051a03636c730a110a04736565641209110000000000000000290000000000\
    001c40
    """

  @Test func settingsAreThoseOfTheHParamsPage() throws {
    let settings = [("head", TensorBoardWriter.Hyperparameter.text("cls")), ("seed", .number(0))]
    func open(keepingStepsBelow count: Int) throws -> TensorBoardWriter {
      try TensorBoardWriter(folder: folder.path, keepingStepsBelow: count, hyperparameters: settings) { 7 }
    }
    func expect(_ scalars: [Scalar]) throws {
      let whole = try bytes(ofFile: path)
      // The event of the version is the first, and has 12 bytes before and 4 behind it.
      let record = TensorBoardRecord.framed(hexadecimal(Self.settingsOfTensorBoard))
      #expect(Array(whole[40..<40 + record.count]) == record)
      #expect(try EventFile(Array(whole[..<40] + whole[(40 + record.count)...])).scalars == scalars)
    }
    // A run that was killed at once, one that is gone on with, and one that starts anew.
    let writer = try open(keepingStepsBelow: 1)
    try expect([])
    for scalar in scalars(ofSteps: 1..<3) {
      writer.add(tag: scalar.tag, value: Double(scalar.value), step: scalar.step)
    }
    try writer.flush()
    try expect(scalars(ofSteps: 1..<3))
    _ = try open(keepingStepsBelow: 2)
    try expect(scalars(ofSteps: 1..<2))
    for count in [1, 0] {
      _ = try open(keepingStepsBelow: count)
      try expect([])
    }
  }

  private func hexadecimal(_ text: String) -> [UInt8] {
    stride(from: 0, to: text.count, by: 2).map { place in
      UInt8(text.dropFirst(place).prefix(2), radix: 16)!
    }
  }

  @Test func aMissingFolderIsNamed() {
    let error = #expect(throws: InputError.self) {
      try TensorBoardWriter(folder: folder.file("nowhere"), keepingStepsBelow: 0)
    }
    #expect(error?.description.contains("nowhere") == true)
  }
}
