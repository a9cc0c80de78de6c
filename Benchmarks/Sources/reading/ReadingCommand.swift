import ArgumentParser
import Compute
import Files
import Foundation
import Images

/// The half of `tools/bench/reading.py` that is ours: one thread makes all images of a folder into encoder inputs, once
/// for every line on stdin, and answers each with the seconds that it took.
@main
struct ReadingCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reading", abstract: "Decodes, resizes, crops and normalises a folder's images, on request.")

  @Argument(help: "Folder of images.")
  var folder: String

  @Option(help: "Side of the input in pixels.")
  var inputSize = 224

  func run() throws {
    let dataset = try ImageDataset(path: folder)
    let contents = try dataset.entries.map { entry in try dataset.content(of: entry) }
    let preprocessor = Preprocessor(try Preprocessing(inputSize: PixelSize(side: inputSize)))
    let input = SharedBuffer<Float>(count: preprocessor.preprocessing.valueCount)
    while readLine() != nil {
      let seconds = try ContinuousClock().measure {
        for content in contents {
          preprocessor.apply(try content.decoded(), view: .center, into: input.pointer)
        }
      }
      // Unbuffered, as the other half waits for the line.
      FileHandle.standardOutput.write(Data("\(seconds / .seconds(1))\n".utf8))
    }
  }
}
