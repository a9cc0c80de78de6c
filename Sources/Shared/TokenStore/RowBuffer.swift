import Compute
import Files

/// The payload of one row on its way into a shard: memory that a thread fills again and again.
public final class RowBuffer {
  public let layout: RowLayout

  public init(layout: RowLayout) { self.layout = layout }

  /// Rounds a block's output to the stored type.
  ///
  /// - Parameters:
  ///   - values: [T, D], before the final norm.
  ///   - index: the place of the block in the configuration's `blocks`.
  /// - Throws: where a value is not finite, or too large for the stored type.
  public func setTokens(_ values: UnsafePointer<Float>, blockIndex index: Int) throws(InputError) {
    preconditionFailure("not there yet")
  }

  /// - Parameter values: [H, P], the last block's attention from [cls] to the patches.
  public func setClassAttention(_ values: UnsafePointer<Float>) throws(InputError) {
    preconditionFailure("not there yet")
  }

  /// - Parameter values: [4, P], the last block's attention from the central patches, averaged over heads.
  public func setCenterAttention(_ values: UnsafePointer<Float>) throws(InputError) {
    preconditionFailure("not there yet")
  }

  /// - Parameter values: [L, H, 8]
  public func setAttentionStatistics(_ values: UnsafePointer<Float>) {
    preconditionFailure("not there yet")
  }

  /// - Parameter values: [L, 2]
  public func setMagnitudes(_ values: UnsafePointer<Float>) {
    preconditionFailure("not there yet")
  }
}
