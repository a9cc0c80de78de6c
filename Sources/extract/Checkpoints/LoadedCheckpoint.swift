import Tensors
import VisionTransformer

/// An encoder's weights, what is needed to build it and to feed it, and where everything is from.
public struct LoadedCheckpoint: Sendable {
  public let configuration: EncoderConfiguration
  /// Under the encoder's names, in the types that the file has; all finite, and all that the configuration needs. Most
  /// are parts of the mapped file.
  public let weights: [String: Tensor]
  /// The model's name: as given, as `config.json` has it, or made of its sizes.
  public let modelName: String
  public let preprocessing: PreprocessingHints
  /// The file's name without its folder; of a checkpoint in several parts, the index's.
  public let fileName: String
  /// Of the whole file, as `sha256sum` prints it; of a checkpoint in several parts, what `sha256sum PARTS | sha256sum`
  /// prints where they are named in the order of their bytes (`LC_ALL=C`), from within their folder.
  public let sha256: String
  /// Whose names the weights have in the file, such as `timm` or `dinov2`.
  public let dialect: String
  /// The key below which the weights were found; nil where they are at the top.
  public let key: String?
  public let report: LoadReport
}
