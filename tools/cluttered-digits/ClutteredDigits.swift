import ArgumentParser
import Compute
import Files
import Foundation

@main
struct ClutteredDigits: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cluttered-digits",
    abstract: "Writes the demo's data set: handwritten digits in cluttered 64 x 64 colour scenes.",
    discussion: """
      OUTPUT/train/<digit>/NNNNN.jpg and OUTPUT/val/<digit>/NNNNN.jpg; no handwritten digit is in both. The same \
      options always give the same scenes. The digits are those of the UCI Optical Recognition of Handwritten Digits \
      set by E. Alpaydin and C. Kaynak (CC BY 4.0, https://doi.org/10.24432/C50P49).
      """)

  @Argument(help: "The folder to write. A folder that this program did not write is never touched.")
  var output: String

  @Option(help: "Chooses one of many such data sets.")
  var seed: UInt64 = 0

  @Option(help: "Training scenes made of each handwritten digit.")
  var trainScenesPerDigit = 4

  @Option(help: "Validation scenes made of each handwritten digit.")
  var valScenesPerDigit = 2

  @Option(name: [.long, .customLong("num_workers")], help: "Threads; the scenes do not depend on it.")
  var numWorkers = Parallel.availableProcessors

  func validate() throws {
    guard (1...1000).contains(trainScenesPerDigit), (1...1000).contains(valScenesPerDigit) else {
      throw ValidationError("The number of scenes made of a digit must be from 1 to 1000.")
    }
    guard numWorkers > 0 else { throw ValidationError("--num-workers must be positive, not \(numWorkers).") }
    guard !output.isEmpty else { throw ValidationError("The output folder's name is empty.") }
  }

  func run() throws {
    let dataSet = DataSet(
      seed: seed, trainScenesPerDigit: trainScenesPerDigit, validationScenesPerDigit: valScenesPerDigit)
    var folder = output
    while folder.count > 1, folder.hasSuffix("/") { folder.removeLast() }
    do {
      switch try dataSet.write(to: folder, parallel: Parallel(threadCount: numWorkers)) {
      case .unchanged: print("\(folder): these scenes are there already")
      case .written(let count): print("\(folder): wrote \(count) scenes")
      }
    } catch let error as InputError {
      FileHandle.standardError.write(Data("error: \(error)\n".utf8))
      throw ExitCode(1)
    }
  }
}
