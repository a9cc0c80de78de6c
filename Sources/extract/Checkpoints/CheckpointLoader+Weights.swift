import Compute
import Files
import Tensors

extension CheckpointLoader {
  /// Parts of a model that tokens do not pass through.
  private static let unused: [(isUnused: @Sendable (String) -> Bool, reason: String)] = [
    (
      { $0.hasPrefix("decoder_") || $0.hasPrefix("decoder.") || $0 == "mask_token" },
      "part of the MAE decoder"
    ),
    ({ $0.hasPrefix("head.") || $0.hasPrefix("attn_pool.") }, "part of the head"),
    ({ $0.hasPrefix("fc_norm.") }, "the norm of pooled tokens, part of the head"),
  ]

  /// Takes out what an encoder does not need, such as an epoch's number among the weights.
  static func dropUnused(from dictionary: inout StateDictionary) -> [LoadReport.DroppedKey] {
    var dropped: [LoadReport.DroppedKey] = []
    for (key, entry) in dictionary.entries.sorted(by: { $0.key < $1.key }) {
      let reason: String
      if let part = unused.first(where: { $0.isUnused(key) }) {
        reason = part.reason
      } else if case .other(let what) = entry, !key.contains("."), !["cls_token", "pos_embed"].contains(key) {
        reason = "no weight but \(what)"
      } else {
        continue
      }
      dictionary.entries[key] = nil
      dropped.append(LoadReport.DroppedKey(key: key, reason: reason))
    }
    return dropped
  }

  /// Checks that the dictionary holds exactly what an encoder of these dimensions needs.
  ///
  /// - Throws: ``InputError`` with the keys that are missing, left over, or of the wrong shape or type.
  static func checkFit(
    _ dictionary: StateDictionary, _ dimensions: WeightDimensions, path: String
  ) throws(InputError) {
    let needed = dimensions.neededShapes()
    var missing: [String] = []
    var misshapen: [String] = []
    for (key, shape) in needed.sorted(by: { $0.key < $1.key }) {
      switch dictionary.entries[key] {
      case nil: missing.append(key)
      case .other(let what): misshapen.append("\(key) is \(what)")
      case .weight(let weight) where weight.shape != shape:
        misshapen.append("\(key) is \(weight.shape) instead of \(shape)")
      case .weight(let weight) where weight.elementType?.isFloatingPoint != true:
        misshapen.append("\(key) is of type \(weight.typeName)")
      case .weight: break
      }
    }
    let leftOver = dictionary.entries.keys.filter { needed[$0] == nil }.sorted()
    let faults = [("missing", missing), ("left over", leftOver), ("of the wrong shape or type", misshapen)]
      .filter { !$0.1.isEmpty }
      .map { "\($0.1.count) \($0.1.count == 1 ? "key is" : "keys are") \($0.0) (\(excerpt($0.1)))" }
    guard faults.isEmpty else {
      throw InputError(
        path,
        "does not fit a Vision Transformer of width \(dimensions.width) and depth \(dimensions.depth): "
          + faults.joined(separator: "; "))
    }
  }

  /// Loads all that is left in a dictionary, once its shapes are known to fit.
  static func loadWeights(
    _ dictionary: StateDictionary, _ files: CheckpointFiles
  ) throws(InputError) -> [String: Tensor] {
    try checkSize(dictionary, files)
    var weights: [String: Tensor] = [:]
    for (key, entry) in dictionary.entries.sorted(by: { $0.key < $1.key }) {
      guard case .weight(let weight) = entry else { continue }
      let tensor = try weight.load()
      guard tensor.isFinite else {
        throw InputError(
          files.path, "\(key) holds an infinity or NaN",
          remedy: "use a checkpoint whose training did not diverge")
      }
      weights[key] = tensor
    }
    return weights
  }

  /// A small file can describe large tensors, by strides of 0 or by sharing. Some is normal; much is not.
  private static func checkSize(_ dictionary: StateDictionary, _ files: CheckpointFiles) throws(InputError) {
    let limit = 4 * files.byteCount + 64 << 20
    var sum = 0
    for (key, entry) in dictionary.entries {
      guard case .weight(let weight) = entry else { continue }
      guard let byteCount = weight.byteCount, byteCount <= limit - sum else {
        throw InputError(
          files.path,
          "describes weights of more than \(limit) bytes (\(shortened(key)) among them), far more than "
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
