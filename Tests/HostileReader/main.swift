import Files
import Foundation
import ReaderTrials

// Reads files one after the other, in a process of its own, whose memory is the reader's alone and whose end is no one
// else's:   hostile-reader READER FILE...
// Says of each file what became of it. A file that takes too much time or memory, or breaks a reader, ends the process: it
// is the one behind the last line.
guard CommandLine.arguments.count > 1, let trial = ReaderTrial(CommandLine.arguments[1]) else {
  StandardError.write("hostile-reader: name one of \(ReaderTrial.readerNames.joined(separator: ", "))\n")
  exit(64)
}
let secondsPerFile: UInt32 = 30
for path in CommandLine.arguments.dropFirst(2) {
  alarm(secondsPerFile)
  print(try trial.run(path).map { "\(path): refused: \($0.reason)" } ?? "\(path): read")
  fflush(nil)
}
