import Files
import Foundation
import Reporting
import TestSupport
import Testing

private struct Record: Codable, Equatable {
  var epoch: Int
  var loss: Double
}

@Suite struct JSONLinesTests {
  private let folder: TemporaryFolder
  private var path: String { folder.file("metrics.jsonl") }

  init() throws { folder = try TemporaryFolder() }

  private func records(_ count: Int) -> [Record] {
    (0..<count).map { Record(epoch: $0, loss: 1 / Double($0 + 3)) }
  }

  private func write(_ records: [Record]) throws {
    let file = try JSONLines(path)
    for record in records { try file.append(record) }
  }

  @Test func whatIsAppendedIsRead() throws {
    try write(records(3))
    try write([Record(epoch: 3, loss: 0.5)])
    #expect(try JSONLines.read(path) == records(3) + [Record(epoch: 3, loss: 0.5)])
    let text = String(decoding: try bytes(ofFile: path), as: UTF8.self)
    #expect(text.split(separator: "\n").last == #"{"epoch":3,"loss":0.5}"#)
  }

  @Test func numbersThatJSONLacksComeBack() throws {
    try write([Record(epoch: 0, loss: .infinity), Record(epoch: 1, loss: .nan)])
    let back: [Record] = try JSONLines.read(path)
    #expect(back[0].loss == .infinity && back[1].loss.isNaN)
  }

  @Test(arguments: 1...21) func aHalfWrittenLineIsCut(_ missing: Int) throws {
    try write([Record(epoch: 0, loss: 0.5), Record(epoch: 1, loss: 0.5)])
    let whole = try bytes(ofFile: path)
    try folder.write(whole.dropLast(missing), to: "metrics.jsonl")
    #expect(try JSONLines.read(path) == [Record(epoch: 0, loss: 0.5)])
    try write([Record(epoch: 1, loss: 0.5)])
    #expect(try bytes(ofFile: path) == whole)
  }

  @Test(arguments: 0...3) func aResumedRunKeepsTheFirstRecords(_ kept: Int) throws {
    try write(records(3))
    try JSONLines(path, keepingFirst: kept).append(Record(epoch: 9, loss: 0))
    #expect(try JSONLines.read(path) == records(kept) + [Record(epoch: 9, loss: 0)])
  }

  @Test func missingRecordsAreAnError() throws {
    #expect(throws: InputError.self) { try JSONLines(path, keepingFirst: 1) }
    try write(records(2))
    let error = #expect(throws: InputError.self) { try JSONLines(path, keepingFirst: 3) }
    #expect(error?.reason.contains("2 records") == true)
    #expect(try JSONLines.read(path) == records(2))
  }

  @Test func anotherKindOfFileIsNeverCut() throws {
    let notes = Array("no line end, and precious".utf8)
    try folder.write(notes, to: "metrics.jsonl")
    #expect(throws: InputError.self) { try JSONLines(path) }
    #expect(try bytes(ofFile: path) == notes)
    #expect(throws: InputError.self) { try JSONLines(folder.path) }
  }

  @Test(arguments: [
    "[1]\n", "{}\n", "{\"epoch\":\"x\",\"loss\":1}\n", "{\"epoch\":1,\n", "\0\0\0\n", "\n",
    "{\"epoch\":1e99,\"loss\":1}\n",
  ])
  func aBadLineIsNamed(_ line: String) throws {
    try folder.write(Array(("{\"epoch\":0,\"loss\":1}\n" + line).utf8), to: "metrics.jsonl")
    let error = #expect(throws: InputError.self) { try JSONLines.read(path, as: Record.self) }
    #expect(error?.reason.hasPrefix("line 2 ") == true)
  }

  @Test func anEmptyFileHasNoRecords() throws {
    try folder.write([], to: "metrics.jsonl")
    #expect(try JSONLines.read(path, as: Record.self).isEmpty)
    try write(records(1))
    #expect(try JSONLines.read(path) == records(1))
  }
}
