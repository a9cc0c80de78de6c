import ArgumentParser
import Compute
import Embedding
import Files
import Foundation

/// The half of `tools/bench/embedding.py` that is ours: t-SNE of features, once for every line on stdin, each answered with
/// the seconds that it took.
@main
struct EmbeddingCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embedding", abstract: "Lays out a file's features by t-SNE, on request.")

  @Argument(help: "File of float32 features, [N, width], without a header.")
  var features: String

  @Argument(help: "Where to write the places, [N, 2], as float64.")
  var places: String

  @Option(help: "Features of a point.")
  var width: Int

  func run() throws {
    let file = try MappedFile(features)
    let values = SharedBuffer(file.bytes.bindMemory(to: Float.self))
    guard width > 0, values.count % width == 0 else {
      throw InputError(features, "holds \(values.count) numbers, which are no points of \(width)")
    }
    let parallel = Parallel()
    while readLine() != nil {
      var embedding: [Double] = []
      let seconds = try ContinuousClock().measure {
        embedding = try TSNE().embed(values, count: values.count / width, width: width, parallel)
      }
      try AtomicFile.write(embedding.withUnsafeBytes { Array($0) }, to: places)
      // Unbuffered, as the other half waits for the line.
      FileHandle.standardOutput.write(Data("\(seconds / .seconds(1))\n".utf8))
    }
  }
}
