import Compute
import Files
import Tensors

/// Takes an encoder's weights by timm's names, in single precision.
///
/// The last guard before the arithmetic: whoever loads a checkpoint also says which of its keys are left over.
struct WeightReader {
  private let weights: [String: Tensor]
  private let prefix: String

  init(_ weights: [String: Tensor], prefix: String = "") {
    self.weights = weights
    self.prefix = prefix
  }

  /// A reader of the keys that begin with `name` and a point.
  func scoped(_ name: String) -> WeightReader { WeightReader(weights, prefix: prefix + name + ".") }

  /// - Throws: ``InputError`` that names the key, where it is missing, of another shape, not of floating-point values,
  ///   or holds an infinity or NaN.
  func values(_ name: String, shape: [Int]) throws(InputError) -> SharedBuffer<Float> {
    try values(name, shapes: [shape])
  }

  /// As ``values(_:shape:)``, for a weight that may have one of several shapes.
  func values(_ name: String, shapes: [[Int]]) throws(InputError) -> SharedBuffer<Float> {
    let key = prefix + name
    guard let tensor = weights[key] else { throw InputError(key, "is missing from the encoder's weights") }
    guard shapes.contains(tensor.shape) else {
      let needed = shapes.map(\.description).joined(separator: " or ")
      throw InputError(key, "has the shape \(tensor.shape), where the encoder needs \(needed)")
    }
    guard tensor.elementType.isFloatingPoint else {
      throw InputError(key, "holds \(tensor.elementType) values, where the encoder needs floating-point ones")
    }
    let values = SharedBuffer<Float>(count: tensor.count, fill: tensor.copyFloats)
    // Every weight is read once: a model's file need not be in memory beside its packed weights.
    tensor.forgetPages()
    guard isFinite(values.buffer) else {
      throw InputError(
        key, "holds an infinity or NaN", remedy: "use a checkpoint whose training did not diverge")
    }
    return values
  }

  /// A bias, or zeros where the model has none.
  func bias(_ isThere: Bool = true, count: Int) throws(InputError) -> SharedBuffer<Float> {
    isThere ? try values("bias", shape: [count]) : SharedBuffer(count: count)
  }

  /// Without a branch in the loop, which goes over every weight of a model.
  private func isFinite(_ values: UnsafeMutableBufferPointer<Float>) -> Bool {
    var found: UInt32 = 0
    for value in values { found |= value.bitPattern & 0x7F80_0000 == 0x7F80_0000 ? 1 : 0 }
    return found == 0
  }
}
