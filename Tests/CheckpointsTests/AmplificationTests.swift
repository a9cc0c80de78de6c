import Foundation
import ReaderTrials
import TestSupport
import Testing

/// Files that say as much as their size allows, each in its own way: none takes much more memory than the file, or more
/// time than is in proportion to it. The reader's own process holds it to that (Tests/ReaderTrials).
@Suite struct AmplificationTests {
  /// What one file does again and again.
  struct Repetition: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let reader: String
    let bytes: @Sendable () -> [UInt8]

    init(_ description: String, _ reader: String, _ bytes: @escaping @Sendable () -> [UInt8]) {
      (testDescription, self.reader, self.bytes) = (description, reader, bytes)
    }

    /// A pickle that does something, and ends.
    static func pickle(
      _ description: String, _ instructions: String, times count: Int,
      after prepare: @escaping @Sendable (inout PickleBuilder) -> Void = { _ in }
    ) -> Self {
      Self(description, "pickle") {
        var builder = PickleBuilder()
        prepare(&builder)
        let again = instructions.unicodeScalars.map { UInt8($0.value) }
        for _ in 0..<count { builder.raw(again) }
        builder.instructions("N.")
        return builder.bytes
      }
    }

    /// A text of many parts with commas between them.
    static func text(
      _ description: String, _ reader: String, _ count: Int, _ frame: (String, String),
      _ part: @escaping @Sendable (Int) -> String
    ) -> Self {
      Self(description, reader) {
        Array((frame.0 + (0..<count).map(part).joined(separator: ",") + frame.1).utf8)
      }
    }
  }

  /// Keeps a function under 0 and its arguments, with a storage, under 1.
  private static let keepTensor: @Sendable (inout PickleBuilder) -> Void = { builder in
    builder.global("torch._utils", "_rebuild_tensor")
    builder.instructions("q\0(")
    builder.instructions("(")
    builder.text("storage")
    builder.global("torch", "FloatStorage")
    builder.text("0")
    builder.text("cpu")
    builder.integer(1)
    builder.instructions("tQ")
    builder.integer(0)
    for _ in 0..<2 { builder.tuple([Int](repeating: 1, count: 16)) }
    builder.instructions("tq\u{1}")
  }

  private static let keepNames: @Sendable (inout PickleBuilder) -> Void = { builder in
    for index in 0..<2 {
      builder.text(String(repeating: "n", count: 127))
      builder.raw([0x71, UInt8(index)])
    }
  }

  private static func safetensors(_ header: [UInt8]) -> [UInt8] {
    littleEndian(UInt64(header.count)) + header
  }

  static let repetitions: [Repetition] = [
    .pickle("values on the stack", "N", times: 2_000_000),
    .pickle("marks", "(", times: 2_000_000),
    .pickle("values that are kept", "\u{94}", times: 500_000) { $0.instructions("N") },
    .pickle("tuples in tuples", "\u{85}", times: 250_000) { $0.instructions(")") },
    .pickle("dictionaries", "}h\0h\0s0", times: 250_000) { $0.instructions("Nq\0") },
    .pickle("long names", "h\0h\u{1}\u{93}0", times: 250_000, after: keepNames),
    .pickle("tensors of many axes", "h\0h\u{1}R0", times: 250_000, after: keepTensor),
    Repetition("entries of a zip file", "zip") {
      var builder = ZipBuilder(pickle: [])
      builder.is64Bit = true
      builder.entries = (0..<150_000).map { .init(String($0), []) }
      return builder.bytes()
    },
    Repetition("tensors without elements", "safetensors") {
      let entries = (0..<400_000).map { "\"\($0)\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}" }
      return safetensors(Array("{\(entries.joined(separator: ","))}".utf8))
    },
    Repetition("texts beside tensors", "safetensors") {
      let texts = (0..<1_000_000).map { "\"\($0)\":\"\"" }
      return safetensors(Array("{\"__metadata__\":{\(texts.joined(separator: ","))}}".utf8))
    },
    .text("tensors of an index", "index", 1_000_000, ("{\"weight_map\":{", "}}")) { "\"\($0)\":\"b\"" },
    .text("numbers of a configuration", "configuration", 2_000_000, ("{\"mean\":[", "]}")) { _ in "0" },
    .text("keys of a configuration", "configuration", 350_000, ("{", "}")) { "\"\($0)\":0" },
    Repetition("wrappers of one name", "checkpoint") {
      let name = String(repeating: "module.", count: 1_000_000)
      return safetensors(Array("{\"\(name)\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}".utf8))
    },
  ]

  @Test(arguments: repetitions)
  func filesThatRepeatThemselvesAreHarmless(_ repetition: Repetition) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(repetition.bytes(), to: "file")
    let result = try Program("hostile-reader").run([repetition.reader, path])
    #expect(result.signal == nil, "\(result.diagnostics)")
    #expect(result.status == 0)
    #expect(result.output.hasPrefix(path))
  }
}
