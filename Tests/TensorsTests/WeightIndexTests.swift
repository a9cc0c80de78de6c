import Files
import TestSupport
import Tensors
import Testing

@Suite struct WeightIndexTests {
  private func index(_ text: some Sequence<UInt8>) throws -> WeightIndex {
    let folder = try TemporaryFolder()
    return try WeightIndex(MappedFile(folder.write(text, to: "index.json")))
  }

  @Test func filesAreListedOnceInTheOrderOfTheirNames() throws {
    let index = try index("{\"weight_map\":{\"a\":\"2\",\"b\":\"1\",\"c\":\"2\"}}".utf8)
    #expect(index.fileNames == ["1", "2"])
    #expect(index.filePositions == ["a": 1, "b": 0, "c": 1])
  }

  /// What else an index holds is of no use here, but must be JSON.
  @Test(arguments: [
    "{}", "[]", "1", "-1.5e+3", "true", "false", "null", "\"x\\\"}\"", "[1, {\"a\": [[], {}]}, \"]\"]",
    "{\"total_size\": 8096, \"x\": {\"y\": [1]}, \"z\": null}",
    String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000),
  ])
  func otherFieldsArePassedOver(_ value: String) throws {
    #expect(try index("{\"metadata\": \(value), \"weight_map\": {\"a\": \"b\"}}".utf8).fileNames == ["b"])
    #expect(try index("{\"weight_map\": {\"a\": \"b\"}, \"metadata\": \(value) }".utf8).fileNames == ["b"])
  }

  @Test(arguments: [
    ("", "{ should stand here"), ("{}", "has no weight_map"), ("{\"weight_map\": {}}", "has no weight_map"),
    ("{\"weight_map\": []}", "{ should stand here"), ("{\"weight_map\": {\"a\": 1}}", "\" should stand here"),
    ("{\"weight_map\": {\"a\": \"b\", \"a\": \"b\"}}", "the tensor \"a\" is there twice"),
    ("{\"weight_map\": {\"a\": \"b\"}, \"weight_map\": {\"a\": \"b\"}}", "weight_map is there twice"),
    ("{\"weight_map\": {\"a\": \"b/c\"}}", "\"b/c\" is no name of a file"),
    ("{\"weight_map\": {\"a\": \"b\"}} x", "more text follows"),
    ("{\"x\": }", "a value should stand here"), ("{\"x\": nan}", "a value should stand here"),
    ("{\"x\": 0x10}", "a value should stand here"), ("{\"x\": -}", "a value should stand here"),
    ("{\"x\": [1,]}", "a value should stand here"), ("{\"x\": [1}", "] should stand here"),
    ("{\"x\": {\"a\" 1}}", ": should stand here"), ("{\"x\": {\"a\": 1,}}", "\" should stand here"),
    ("{\"x\": [", "a value should stand here"), ("{\"x\": {\"a\": {", "\" should stand here"),
  ])
  func othersAreRefused(_ text: String, _ reason: String) throws {
    let error = try #require(throws: InputError.self) { try index(text.utf8) }
    #expect(error.reason.contains(reason), "\(error)")
  }

  @Test func listsAreBounded() throws {
    let entries = (0...4096).map { "\"\($0)\": \"\($0)\"" }.joined(separator: ",")
    let error = try #require(throws: InputError.self) { try index("{\"weight_map\": {\(entries)}}".utf8) }
    #expect(error.reason.contains("lists 4097 files"))
    let long = try #require(throws: InputError.self) {
      try index([UInt8](repeating: UInt8(ascii: " "), count: (16 << 20) + 1))
    }
    #expect(long.reason.contains("too many for the index"))
  }

  @Test func namesInErrorsAreShort() throws {
    // One character of many scalars.
    let name = "e" + String(repeating: "\u{301}", count: 100_000)
    let error = try #require(throws: InputError.self) {
      try index("{\"weight_map\": {\"\(name)\": \"b\", \"\(name)\": \"b\"}}".utf8)
    }
    #expect(error.description.utf8.count < 1000)
  }
}
