import Compute
import Files
import TokenStore

/// What a cache's tokens are: the encoder, what it was given and the block that heads see. Names are those of the cache's
/// settings.
public struct EncoderSettings: Codable, Equatable, Sendable {
  public var model: CacheConfiguration.Model
  public var checkpoint: CacheConfiguration.Checkpoint
  /// Whose tokens heads see, from 0.
  public var block: Int
  public var preprocessing: CacheConfiguration.Preprocessing
  public var precision: Precision

  public struct Precision: Codable, Equatable, Sendable {
    /// The type that the encoder multiplies in.
    public var compute: ElementType
  }

  /// - Parameter block: a stored one.
  init(_ cache: TokenCache, block: Int) {
    let configuration = cache.configuration
    model = configuration.model
    checkpoint = configuration.checkpoint
    self.block = block
    preprocessing = configuration.preprocessing
    precision = Precision(compute: configuration.precision.compute)
  }

  /// In what these settings differ from others, a line each. A file with the same bytes is the same checkpoint, whatever
  /// it is called and wherever it is from, and a model of the same sizes the same model.
  func differences(from other: EncoderSettings) -> [String] {
    var own = self
    own.checkpoint.fileName = other.checkpoint.fileName
    own.checkpoint.source = other.checkpoint.source
    own.model.name = other.model.name
    return settingDifferences(own, from: other)
  }
}
