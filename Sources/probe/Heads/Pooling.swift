import Compute
import Tensors

/// Some images of a source: what one step of training or evaluation works on.
public struct Batch: Sendable {
  public let source: any TokenSource
  /// Rows of the source, in batch order.
  public let rows: [Int]

  public init(_ source: any TokenSource, rows: [Int]) {
    self.source = source
    self.rows = rows
  }

  /// B
  public var count: Int { rows.count }
}

/// From an image's tokens to one feature vector.
package protocol Pooling: Sendable {
  /// W, the length of a feature vector.
  var outputWidth: Int { get }
  /// What is trained; empty where the features can be computed once and for all.
  var parameters: [Parameter] { get }
  /// What belongs to the state dictionary without being trained.
  var constants: [String: Tensor] { get }

  /// - Parameter features: receives [B, W].
  func forward(_ batch: Batch, into features: SharedBuffer<Float>, _ parallel: Parallel) throws

  /// Adds to the parameters' gradients, for the batch that `forward` was last called with.
  ///
  /// - Parameter gradient: [B, W], of the loss with respect to the features.
  func backward(_ batch: Batch, gradient: SharedBuffer<Float>, _ parallel: Parallel) throws
}

extension Pooling {
  package var constants: [String: Tensor] { [:] }
}
