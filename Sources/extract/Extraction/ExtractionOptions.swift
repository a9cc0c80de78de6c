import Compute
import Images

/// What is stored of each image, and how; everything else follows from the checkpoint and the images.
public struct ExtractionOptions: Sendable {
  /// The blocks whose outputs are stored; none where only statistics are.
  public var blocks: BlockSelection
  /// The type that tokens are stored in.
  public var tokenType: ElementType
  /// Rows of one shard.
  public var shardSize: Int
  /// An image that cannot be decoded ends the run instead of being stored as undecodable.
  public var isStrict: Bool
  /// The views of each image.
  public var augmentation: Augmentation
  /// Whether the time of each stage is taken; nothing that is stored depends on it.
  public var isProfiled = false

  public init(
    blocks: BlockSelection = .last, tokenType: ElementType = .float16, shardSize: Int = 4096,
    isStrict: Bool = false, augmentation: Augmentation = .none
  ) {
    self.blocks = blocks
    self.tokenType = tokenType
    self.shardSize = shardSize
    self.isStrict = isStrict
    self.augmentation = augmentation
  }
}
