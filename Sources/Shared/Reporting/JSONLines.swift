import Files
import Foundation
import Synchronization

/// A file with one JSON object a line, which grows while a run goes on: `metrics.jsonl`.
///
/// A line is written by one call, so a reader never sees two mixed. A line that a killed process left half-written is
/// cut when the file is opened again. The file is open only while a line is written, so that any number of runs can go on
/// side by side. Numbers that JSON lacks are the strings "NaN", "Infinity" and "-Infinity".
public final class JSONLines: Sendable {
  public let path: String
  private let end: Mutex<Int>

  /// Opens a file to append to, or makes it.
  ///
  /// - Parameter keepingFirst: how many records to keep; what follows is cut, as a resumed run writes it anew. By
  ///   default all.
  /// - Throws: where the file holds something else than JSON lines, or fewer than are to be kept.
  public init(_ path: String, keepingFirst count: Int? = nil) throws(InputError) {
    self.path = path
    guard FileManager.default.fileExists(atPath: path) else {
      guard count ?? 0 == 0 else {
        throw InputError(path, "is missing, but \(count!) records of an earlier run are needed")
      }
      _ = try Descriptor(path, .create)
      end = Mutex(0)
      return
    }
    let descriptor = try Descriptor(path, .update)
    let kept = try Self.lengthToKeep(path, count)
    try descriptor.resize(byteCount: kept)
    end = Mutex(kept)
  }

  /// Appends one record as one line.
  public func append(_ record: some Encodable) throws {
    var line = try Self.encoder().encode(record)
    line.append(UInt8(ascii: "\n"))
    try end.withLock { end in
      let descriptor = try Descriptor(path, .update)
      try line.withUnsafeBytes { try descriptor.write($0, at: end) }
      end += line.count
    }
  }

  /// - Returns: all records; a half-written last line is left out.
  public static func read<Record: Decodable>(
    _ path: String, as type: Record.Type = Record.self
  ) throws(InputError) -> [Record] {
    let file = try MappedFile(path)
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    var records: [Record] = []
    for (index, range) in completeLines(file.bytes).enumerated() {
      do {
        records.append(try decoder.decode(Record.self, from: Data(file.bytes[range])))
      } catch {
        throw InputError(path, "line \(index + 1) is not a record of this kind: \(explanation(of: error))")
      }
    }
    return records
  }

  private static func encoder() -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return encoder
  }

  private static func lengthToKeep(_ path: String, _ count: Int?) throws(InputError) -> Int {
    let file = try MappedFile(path)
    // Every line of ours, a half-written one too, begins an object: nothing else is ever cut.
    if let first = file.bytes.first, first != UInt8(ascii: "{") {
      throw InputError(path, "is not a file of JSON lines", remedy: "move it away or choose another folder")
    }
    let lines = completeLines(file.bytes)
    guard let count else { return lines.last.map { $0.upperBound + 1 } ?? 0 }
    guard lines.count >= count else {
      throw InputError(path, "holds \(lines.count) records, but \(count) of an earlier run are needed")
    }
    return count == 0 ? 0 : lines[count - 1].upperBound + 1
  }

  /// The byte ranges of the lines that a line end follows, without it.
  private static func completeLines(_ bytes: UnsafeRawBufferPointer) -> [Range<Int>] {
    var lines: [Range<Int>] = []
    var start = 0
    while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
      lines.append(start..<end)
      start = end + 1
    }
    return lines
  }

  /// A decoding error in one line.
  private static func explanation(of error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, _): "\(key.stringValue) is missing"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      "\(context.codingPath.map(\.stringValue).joined(separator: ".")) has the wrong type"
    case DecodingError.dataCorrupted: "it is not JSON"
    default: error.localizedDescription
    }
  }
}
