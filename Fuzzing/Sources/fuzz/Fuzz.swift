import Files
import Foundation
import ReaderTrials

/// Hands libFuzzer's inputs to one reader, in a file as it expects them.
private struct Harness: Sendable {
  private let trial: ReaderTrial
  private let path: String

  init() {
    let name = ProcessInfo.processInfo.environment["PATCHBANK_READER"] ?? ""
    guard let trial = ReaderTrial(name) else {
      fatalError("PATCHBANK_READER must be one of \(ReaderTrial.readerNames.joined(separator: ", "))")
    }
    self.trial = trial
    let folder = FileManager.default.temporaryDirectory
    path = folder.appendingPathComponent("patchbank-fuzz-\(ProcessInfo.processInfo.processIdentifier)").path
  }

  func run(_ input: UnsafeRawBufferPointer) {
    do {
      try Data(input).write(to: URL(fileURLWithPath: path))
      try trial.run(path)
      try FileManager.default.removeItem(atPath: path)
    } catch {
      fatalError("cannot hand over an input: \(error)")
    }
  }
}

private let harness = Harness()

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  harness.run(UnsafeRawBufferPointer(start: data, count: count))
  return 0
}
