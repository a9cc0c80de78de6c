import Foundation
import ReaderTrials
import TestSupport
import Testing

/// The files that fuzzing starts from, and all that it has found: each is read or refused, in bounded time and memory.
@Suite struct HostileCorpusTests {
  @Test(arguments: ReaderTrial.readerNames)
  func everyFileIsReadOrRefused(reader: String) throws {
    let folder = Fixtures.path("hostile-corpus/\(reader)")
    let paths = try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { "\(folder)/\($0)" }
    let result = try Program("hostile-reader").run([reader] + paths)
    let lines = result.output.split(separator: "\n")
    let next = lines.count < paths.count ? paths[lines.count] : "the end"
    #expect(result.signal == nil, "at \(next): \(result.diagnostics)")
    #expect(result.status == 0, "at \(next): \(result.diagnostics)")
    #expect(lines.count == paths.count)
    // Files of both kinds are there, or the readers are not tried at all.
    #expect(lines.contains { $0.hasSuffix(": read") })
    #expect(lines.contains { $0.contains(": refused: ") })
  }
}
