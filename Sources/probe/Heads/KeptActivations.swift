import Compute
import Synchronization

/// Activations of a batch that are kept from the visit forward to the visit back, of as many images as memory is allowed
/// for; the other images' are computed again.
final class KeptActivations: Sendable {
  private struct Memory {
    var byteCount = 0
    var imageCount = 0
    var values = SharedBuffer<Float>(count: 0)
  }

  /// The numbers that an image has.
  private let count: Int
  private let memory = Mutex(Memory())

  init(count: Int) { self.count = count }

  func allow(byteCount: Int) { memory.withLock { $0.byteCount = byteCount } }

  /// Before a batch's visits; memory is taken when first needed.
  ///
  /// - Parameter keeping: whether there is a visit back to keep anything for.
  func begin(batchSize: Int, keeping: Bool) {
    memory.withLock { memory in
      let most = count > 0 ? memory.byteCount / (count * MemoryLayout<Float>.stride) : 0
      memory.imageCount = keeping ? min(batchSize, most) : 0
      if memory.values.count < memory.imageCount * count {
        memory.values = SharedBuffer(count: memory.imageCount * count)
      }
    }
  }

  /// An image's numbers; nil where they are not kept.
  subscript(index: Int) -> UnsafeMutablePointer<Float>? {
    let (imageCount, values) = memory.withLock { ($0.imageCount, $0.values) }
    return index < imageCount ? values.pointer + index * count : nil
  }
}
