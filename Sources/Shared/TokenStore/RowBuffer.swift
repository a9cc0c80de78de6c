import Compute
import Files

/// The payload of one row on its way into a shard: memory that a thread fills again and again.
///
/// Values are rounded to the stored types when they are set. A row is written once all of its payload is set, after
/// which the buffer is ready for the next one.
public final class RowBuffer {
  public let layout: RowLayout
  /// The payload datasets one after the other.
  private let memory: SharedBuffer<UInt8>
  private let offsets: [Int]
  private var isSet: [Bool]

  public init(layout: RowLayout) {
    self.layout = layout
    memory = SharedBuffer(count: layout.payloadByteCount)
    var end = 0
    offsets = layout.payload.map { dataset in
      defer { end += dataset.rowByteCount }
      return end
    }
    isSet = Array(repeating: false, count: layout.payload.count)
  }

  /// Rounds a block's output to the stored type.
  ///
  /// - Parameters:
  ///   - values: [T, D], before the final norm.
  ///   - index: the place of the block in the configuration's `blocks`.
  /// - Throws: where a value is not finite, or too large for the stored type.
  public func setTokens(_ values: UnsafePointer<Float>, blockIndex index: Int) throws(InputError) {
    let blockCount = layout.tokenDatasetCount
    precondition(
      index >= 0 && index < blockCount, "block \(index) of \(blockCount) stored ones does not exist")
    // `tokens`, the last block, comes first.
    try set(index == blockCount - 1 ? 0 : index + 1, values, checked: true)
  }

  /// - Parameter values: [H, P], the last block's attention from [cls] to the patches.
  public func setClassAttention(_ values: UnsafePointer<Float>) throws(InputError) {
    try set(place(of: RowLayout.classAttention), values, checked: true)
  }

  /// - Parameter values: [4, P], the last block's attention from the central patches, averaged over heads.
  public func setCenterAttention(_ values: UnsafePointer<Float>) throws(InputError) {
    try set(place(of: RowLayout.centerAttention), values, checked: true)
  }

  /// - Parameter values: [L, H, 8], NaN where a value does not exist for want of a [cls].
  public func setAttentionStatistics(_ values: UnsafePointer<Float>) throws(InputError) {
    try set(place(of: RowLayout.attentionStatistics), values, checked: false)
  }

  /// - Parameter values: [L, 2], NaN where a value does not exist for want of a [cls].
  public func setMagnitudes(_ values: UnsafePointer<Float>) throws(InputError) {
    try set(place(of: RowLayout.magnitudes), values, checked: false)
  }

  private func place(of name: String) -> Int {
    guard let index = layout.payload.firstIndex(where: { $0.name == name }) else {
      preconditionFailure("this cache has no dataset \(name)")
    }
    return index
  }

  private func set(_ index: Int, _ values: UnsafePointer<Float>, checked: Bool) throws(InputError) {
    let dataset = layout.payload[index]
    guard let type = dataset.type.elementType else {
      preconditionFailure("\(dataset.name) is stored as \(dataset.type)")
    }
    let destination = UnsafeMutableRawPointer(memory.pointer + offsets[index])
    type.encode(values, into: destination, count: dataset.elementCount)
    if checked, !isFinite(destination, type, count: dataset.elementCount) {
      throw notFinite(dataset, values)
    }
    isSet[index] = true
  }

  private func notFinite(_ dataset: RowDataset, _ values: UnsafePointer<Float>) -> InputError {
    let values = UnsafeBufferPointer(start: values, count: dataset.elementCount)
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      return InputError(
        dataset.name, "the encoder computed \(values[index]) at index \(index) of a row",
        remedy: "check the checkpoint's weights and the model's settings")
    }
    let largest = values.reduce(0) { max($0, abs($1)) }
    return InputError(
      dataset.name, "a value of magnitude \(largest) is too large for \(dataset.type)",
      remedy: "store tokens as bfloat16 or float32 (--token-dtype)")
  }

  /// Hands out the payload of a row that is wholly set, and makes the buffer ready for the next row.
  ///
  /// - Returns: all payload datasets' bytes in order; valid while the buffer lives.
  func takePayload() -> UnsafeRawBufferPointer {
    for (dataset, isSet) in zip(layout.payload, isSet) {
      precondition(isSet, "\(dataset.name) has not been set for this row")
    }
    for index in isSet.indices { isSet[index] = false }
    return UnsafeRawBufferPointer(start: memory.pointer, count: memory.count)
  }
}

/// Whether no stored value has all exponent bits set, which is how infinities and NaN are stored.
private func isFinite(_ values: UnsafeMutableRawPointer, _ type: ElementType, count: Int) -> Bool {
  func check<Bits: FixedWidthInteger & BitwiseCopyable>(_ exponent: Bits) -> Bool {
    var found = Bits.zero
    for index in 0..<count {
      let bits = values.loadUnaligned(fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self)
      found |= bits & exponent == exponent ? 1 : 0
    }
    return found == 0
  }
  return switch type {
  case .float16: check(UInt16(0x7C00))
  case .bfloat16: check(UInt16(0x7F80))
  default: check(UInt32(0x7F80_0000))
  }
}

extension RowLayout {
  /// The number of stored blocks.
  var tokenDatasetCount: Int { payload.count { $0.name.hasPrefix(Self.tokens) } }
}
