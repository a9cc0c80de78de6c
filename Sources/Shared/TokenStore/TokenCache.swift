import Compute
import Files

/// A complete cache, mapped into memory: rows are read in place, from any thread. Pointers live as long as the cache.
public final class TokenCache: Sendable {
  public let path: String
  public let manifest: CacheManifest
  public let layout: RowLayout
  /// [N], -1 where an image has no label.
  public let labels: [Int32]
  /// [N]
  public let rowStates: [RowState]

  /// Opens a cache, trusting nothing in it: whatever is not exactly as the format has it is an error.
  public init(_ path: String) throws(InputError) { preconditionFailure("not there yet") }

  public var configuration: CacheConfiguration { manifest.configuration }
  /// N
  public var rowCount: Int { manifest.rowCount }
  /// T, prefix tokens and patches.
  public var tokenCount: Int { configuration.model.tokenCount }
  /// D
  public var width: Int { configuration.model.width }
  public var prefixTokenCount: Int { configuration.model.prefixTokenCount }
  public var tokenElementType: ElementType { configuration.precision.tokens }

  /// - Returns: the path of the row's image, relative to the data set's root.
  public func id(row: Int) -> String { preconditionFailure("not there yet") }
  /// [N], each as ``id(row:)``.
  public var ids: [String] { (0..<rowCount).map { id(row: $0) } }
  /// The place of the row's image in the data set.
  public func sourceIndex(row: Int) -> Int { preconditionFailure("not there yet") }
  /// Which view of its image the row holds.
  public func viewIndex(row: Int) -> Int { preconditionFailure("not there yet") }

  /// - Returns: [T, D] of ``tokenElementType``: the last stored block's output, before the final norm.
  public func tokens(row: Int) -> UnsafeRawBufferPointer { preconditionFailure("not there yet") }
  /// - Parameter block: one of the configuration's `blocks`.
  /// - Returns: [T, D] of ``tokenElementType``: the block's output, before the final norm.
  public func tokens(row: Int, block: Int) -> UnsafeRawBufferPointer { preconditionFailure("not there yet") }
  /// - Returns: [H, P] in float16; nil where the model has no [cls].
  public func classAttention(row: Int) -> UnsafeRawBufferPointer? { preconditionFailure("not there yet") }
  /// - Returns: [4, P] in float16.
  public func centerAttention(row: Int) -> UnsafeRawBufferPointer { preconditionFailure("not there yet") }
  /// - Returns: [L, H, 8]
  public func attentionStatistics(row: Int) -> UnsafeBufferPointer<Float> {
    preconditionFailure("not there yet")
  }
  /// - Returns: [L, 2]
  public func magnitudes(row: Int) -> UnsafeBufferPointer<Float> { preconditionFailure("not there yet") }
}
