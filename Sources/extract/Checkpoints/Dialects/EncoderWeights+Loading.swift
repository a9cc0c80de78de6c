import Compute
import Files
import Tensors

extension EncoderWeights {
  /// Checks that there is exactly what an encoder of these dimensions needs.
  ///
  /// - Throws: ``InputError`` with the keys that are missing, left over, or of the wrong shape or type, as the file has
  ///   or would have them.
  func checkFit(_ dimensions: WeightDimensions, path: String) throws(InputError) {
    let faults = [
      ("missing", missingKeys(dimensions)), ("left over", leftOverKeys(dimensions)),
      ("of the wrong shape or type", misfits(dimensions)),
    ]
    .filter { !$0.1.isEmpty }
    .map { "\($0.1.count) \($0.1.count == 1 ? "key is" : "keys are") \($0.0) (\(excerpt($0.1, to: 240)))" }
    guard faults.isEmpty else {
      throw InputError(
        path,
        "does not fit a Vision Transformer of width \(dimensions.width) and depth \(dimensions.depth): "
          + faults.joined(separator: "; "))
    }
  }

  /// As the file would have them.
  func missingKeys(_ dimensions: WeightDimensions) -> [String] {
    // Of a weight that is partly there, what is missing is known.
    let used = Set(keys.compactMap(\.name))
    let needed = dimensions.neededShapes().keys.filter { weights[$0] == nil && !used.contains($0) }
    return (missing + needed.map { dialect.fileName(of: $0, at: place) }).sorted()
  }

  private func leftOverKeys(_ dimensions: WeightDimensions) -> [String] {
    let needed = dimensions.neededShapes()
    return keys.filter { key in
      switch key.fate {
      case .leftOver: true
      case .used: needed[key.name ?? ""] == nil
      case .dropped: false
      }
    }.map(\.key)
  }

  private func misfits(_ dimensions: WeightDimensions) -> [String] {
    var misfits = faults
    for (name, shape) in dimensions.neededShapes().sorted(by: { $0.key < $1.key }) {
      guard let weight = weights[name] else { continue }
      let keys = weight.keysInWords
      if weight.value.shape != shape {
        misfits.append("\(keys) is \(weight.value.shape) instead of \(shape)")
      } else if weight.value.elementType?.isFloatingPoint != true {
        misfits.append("\(keys) is of type \(weight.value.typeName)")
      }
    }
    return misfits
  }

  /// Loads all weights, once their shapes are known to fit.
  func load(_ files: CheckpointFiles) throws(InputError) -> [String: Tensor] {
    try checkSize(files)
    var tensors: [String: Tensor] = [:]
    for (name, weight) in weights.sorted(by: { $0.key < $1.key }) {
      let tensor = try weight.value.load()
      guard tensor.isFinite else {
        throw InputError(
          files.path, "\(weight.keysInWords) holds an infinity or NaN",
          remedy: "use a checkpoint whose training did not diverge")
      }
      tensors[name] = tensor
    }
    return tensors
  }

  /// A small file can describe large tensors, by strides of 0 or by sharing. Some is normal; much is not.
  private func checkSize(_ files: CheckpointFiles) throws(InputError) {
    let limit = 4 * files.byteCount + 64 << 20
    var sum = 0
    for weight in weights.values {
      guard let byteCount = weight.value.byteCount, byteCount <= limit - sum else {
        throw InputError(
          files.path,
          "describes weights of more than \(limit) bytes (\(weight.keysInWords) among them), far more than "
            + "the file holds")
      }
      sum += byteCount
    }
  }
}

extension Tensor {
  /// Whether no value is an infinity or NaN, in single precision.
  fileprivate var isFinite: Bool {
    withBytes { bytes in
      switch elementType {
      case .float32: bytes.allFinite(UInt32.self, exponent: 0x7F80_0000)
      case .float16: bytes.allFinite(UInt16.self, exponent: 0x7C00)
      case .bfloat16: bytes.allFinite(UInt16.self, exponent: 0x7F80)
      default:
        stride(from: 0, to: bytes.count, by: 8).allSatisfy {
          Float(bytes.loadUnaligned(fromByteOffset: $0, as: Double.self)).isFinite
        }
      }
    }
  }
}

extension UnsafeRawBufferPointer {
  /// Whether no number has all bits of its exponent set.
  fileprivate func allFinite<Bits: FixedWidthInteger & BitwiseCopyable>(_: Bits.Type, exponent: Bits) -> Bool
  {
    let width = MemoryLayout<Bits>.size
    var found: Bits = 0
    for offset in stride(from: 0, to: count, by: width) {
      let bits = loadUnaligned(fromByteOffset: offset, as: Bits.self) & exponent
      found |= bits == exponent ? 1 : 0
    }
    return found == 0
  }
}
