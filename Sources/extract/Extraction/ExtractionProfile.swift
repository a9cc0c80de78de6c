import Compute
import VisionTransformer

/// What one thread does with an image, one thing after the other.
enum ExtractionStage: Int, CaseIterable, Sendable {
  /// From a file to pixels, with the waiting for the file.
  case decoding
  /// Resizing, cropping, normalising.
  case preprocessing
  /// From pixels to tokens; the encoder takes the time of its own stages.
  case encoding
  /// To the types that are stored.
  case rounding
  /// The checksum, and the row into its file.
  case writing
}

/// Where an extraction's time went.
public struct ExtractionProfile: Sendable {
  public struct Stage: Sendable {
    public let name: String
    /// Of all threads together.
    public let seconds: Double
    /// Multiplications and additions of all matrix products together; nil where they are not what the stage is about.
    public let operationCount: Double?
  }

  /// The rows that were encoded.
  public let rowCount: Int
  /// The run's length times the number of threads.
  public let availableSeconds: Double
  /// With what is left of ``availableSeconds`` at the end.
  public let stages: [Stage]

  init(
    _ workers: [ImageWorker.Clocks], configuration: EncoderConfiguration, rowCount: Int,
    availableSeconds: Double
  ) {
    func seconds(_ stage: ExtractionStage) -> Double { workers.reduce(0) { $0 + $1.worker.seconds(stage) } }
    func seconds(_ stage: EncoderStage) -> Double { workers.reduce(0) { $0 + $1.encoder.seconds(stage) } }
    func operations(_ stage: EncoderStage) -> Double? {
      configuration.operationCount(of: stage).map { Double(rowCount) * Double($0) }
    }
    let encoder: [(String, EncoderStage)] = [
      ("patch embedding", .embedding), ("linear layers", .linear),
      ("attention with statistics", .attention), ("norms, residuals, magnitudes", .elementwise),
      ("copies of what is kept", .output),
    ]
    var stages = [
      Stage(name: "decoding", seconds: seconds(.decoding), operationCount: nil),
      Stage(name: "resizing and cropping", seconds: seconds(.preprocessing), operationCount: nil),
    ]
    stages += encoder.map { name, stage in
      Stage(name: name, seconds: seconds(stage), operationCount: operations(stage))
    }
    stages += [
      Stage(name: "rounding", seconds: seconds(.rounding), operationCount: nil),
      Stage(name: "checksum and writing", seconds: seconds(.writing), operationCount: nil),
    ]
    let used = stages.reduce(0) { $0 + $1.seconds }
    stages.append(
      Stage(
        name: "shards, listings, waiting", seconds: max(0, availableSeconds - used), operationCount: nil))
    self.rowCount = rowCount
    self.availableSeconds = availableSeconds
    self.stages = stages
  }
}
