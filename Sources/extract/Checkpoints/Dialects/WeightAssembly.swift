import Compute
import Files
import Tensors

/// Makes one weight of several, in their own element type where that is possible.
enum WeightAssembly {
  struct Misfit: Error {
    let reason: String
  }

  typealias Weight = StateDictionary.Weight

  /// - Parameter pieces: nil where zeros of the same shape as the others are meant.
  static func make(_ form: WeightRule.Form, of pieces: [Weight?]) throws(Misfit) -> Weight {
    let present = pieces.compactMap { $0 }
    guard let first = present.first else { throw Misfit(reason: "nothing is there") }
    switch form {
    case .same: return first
    case .axes(let count): return withAxes(count, first)
    case .rows: return present.count == 1 && pieces.count == 1 ? first : try joined(pieces, like: first)
    case .kernel(let channels): return try kernel(first, channels: channels)
    case .product: return present.count == 1 ? first : try product(present)
    }
  }

  private static func withAxes(_ count: Int, _ weight: Weight) -> Weight {
    let shape = Array(repeating: 1, count: max(0, count - weight.shape.count)) + weight.shape
    return Weight(shape: shape, elementType: weight.elementType, typeName: weight.typeName) {
      () throws(InputError) in try weight.load().reshaped(to: shape)
    }
  }

  private static func joined(_ pieces: [Weight?], like first: Weight) throws(Misfit) -> Weight {
    for piece in pieces.compactMap({ $0 }) {
      guard !piece.shape.isEmpty, piece.shape.dropFirst() == first.shape.dropFirst() else {
        throw Misfit(reason: "the shapes \(first.shape) and \(piece.shape) cannot be joined")
      }
      guard piece.typeName == first.typeName else {
        throw Misfit(reason: "\(first.typeName) and \(piece.typeName) values cannot be joined")
      }
    }
    var rows = 0
    for piece in pieces {
      let (sum, overflows) = rows.addingReportingOverflow((piece ?? first).shape[0])
      guard !overflows else { throw Misfit(reason: "too many rows") }
      rows = sum
    }
    let shape = [rows] + first.shape.dropFirst()
    return Weight(shape: shape, elementType: first.elementType, typeName: first.typeName) {
      () throws(InputError) in try join(pieces, like: first, shape: shape)
    }
  }

  /// Copies the pieces one after the other, each let go of before the next one is looked at.
  private static func join(_ pieces: [Weight?], like first: Weight, shape: [Int]) throws(InputError) -> Tensor
  {
    guard let elementType = first.elementType else { return try first.load() }
    let bytes = SharedBuffer<UInt8>(count: shape.reduce(elementType.byteCount, *))
    var offset = 0
    for piece in pieces {
      guard let piece else {
        offset += first.byteCount ?? 0
        continue
      }
      let tensor = try piece.load()
      tensor.withBytes { source in
        guard let address = source.baseAddress else { return }
        UnsafeMutableRawPointer(bytes.pointer + offset).copyMemory(from: address, byteCount: source.count)
      }
      tensor.forgetPages()
      offset += tensor.byteCount
    }
    return Tensor(owning: bytes, elementType: elementType, shape: shape)
  }

  private static func product(_ factors: [Weight]) throws(Misfit) -> Weight {
    let shape = factors[0].shape
    for factor in factors {
      guard factor.shape == shape else {
        throw Misfit(reason: "the shapes \(shape) and \(factor.shape) cannot be multiplied")
      }
      guard factor.elementType?.isFloatingPoint == true else {
        throw Misfit(reason: "\(factor.typeName) values cannot be multiplied")
      }
    }
    return Weight(shape: shape, elementType: .float32, typeName: "float32") { () throws(InputError) in
      var values = try factors[0].load().floats()
      for factor in factors.dropFirst() {
        let others = try factor.load().floats()
        for index in values.indices { values[index] *= others[index] }
      }
      return Tensor(values, shape: shape)
    }
  }

  /// From `[D, side * side * channels]` to `[D, channels, side, side]`.
  private static func kernel(_ matrix: Weight, channels: Int) throws(Misfit) -> Weight {
    guard matrix.shape.count == 2, let elementType = matrix.elementType else {
      throw Misfit(reason: "\(matrix.typeName) \(matrix.shape) is no matrix of patches")
    }
    let side = Int(Double(matrix.shape[1] / channels).squareRoot())
    guard side > 0, side * side * channels == matrix.shape[1] else {
      throw Misfit(reason: "the rows of \(matrix.shape) are no square patches of \(channels) channels")
    }
    let shape = [matrix.shape[0], channels, side, side]
    return Weight(shape: shape, elementType: elementType, typeName: matrix.typeName) {
      () throws(InputError) in
      let (pixelCount, byteCount) = (side * side, elementType.byteCount)
      let tensor = try matrix.load()
      let bytes = SharedBuffer<UInt8>(count: tensor.byteCount)
      tensor.withBytes { source in
        for row in 0..<shape[0] {
          for pixel in 0..<pixelCount {
            for channel in 0..<channels {
              let from = ((row * pixelCount + pixel) * channels + channel) * byteCount
              let to = ((row * channels + channel) * pixelCount + pixel) * byteCount
              UnsafeMutableRawPointer(bytes.pointer + to).copyMemory(
                from: source.baseAddress! + from, byteCount: byteCount)
            }
          }
        }
      }
      return Tensor(owning: bytes, elementType: elementType, shape: shape)
    }
  }
}
