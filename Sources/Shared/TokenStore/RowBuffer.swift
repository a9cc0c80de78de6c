import Compute
import Files

/// The payload of one row on its way into a shard: memory that a thread fills again and again.
///
/// Values are rounded to the stored types when they are set. A row is written once all of its payload is set, after
/// which the buffer is ready for the next one.
public final class RowBuffer {
  public let layout: RowLayout
  private let memory: SharedBuffer<UInt8>
  /// The row in each payload dataset, each aligned for its elements.
  private let columns: [UnsafeMutableRawBufferPointer]
  private var isSet: [Bool]
  /// The places of the stored blocks' tokens in the payload, in the order of the configuration's `blocks`.
  private let tokenPlaces: [Int]
  /// Likewise; empty where tokens are not in 8 bits.
  private let quantizers: [TokenQuantizer]

  public init(layout: RowLayout) {
    self.layout = layout
    // `tokens`, the last block, comes first.
    let places = layout.payload.indices.filter { layout.payload[$0].isTokens }
    tokenPlaces = Array(places.dropFirst() + places.prefix(1))
    quantizers = tokenPlaces.map { layout.payload[$0] }.filter { $0.type == .int8 }
      .map { TokenQuantizer(channelScales: $0.channelScales) }
    var end = 0
    let starts = layout.payload.map { dataset in
      defer { end = (end + dataset.rowByteCount + 63) & ~63 }
      return end
    }
    memory = SharedBuffer(count: end)
    columns = zip(layout.payload, starts).map { [memory] dataset, start in
      UnsafeMutableRawBufferPointer(start: memory.pointer + start, count: dataset.rowByteCount)
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
    precondition(
      tokenPlaces.indices.contains(index), "block \(index) of \(tokenPlaces.count) stored ones does not exist"
    )
    let place = tokenPlaces[index]
    guard !quantizers.isEmpty else { return try set(place, values, checked: true) }
    let dataset = layout.payload[place]
    let isFinite = quantizers[index].encode(
      values, tokenCount: dataset.rowShape[0],
      into: columns[place].baseAddress!.assumingMemoryBound(to: Int8.self),
      tokenScales: columns[place + 1].baseAddress!.assumingMemoryBound(to: Float.self))
    guard isFinite else { throw notFinite(dataset, values) }
    (isSet[place], isSet[place + 1]) = (true, true)
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
    let isFinite = type.encode(values, into: columns[index].baseAddress!, count: dataset.elementCount)
    guard isFinite || !checked else { throw notFinite(dataset, values) }
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
  /// - Returns: the row's bytes in each payload dataset; valid while the buffer lives.
  func takePayload() -> [UnsafeMutableRawBufferPointer] {
    for (dataset, isSet) in zip(layout.payload, isSet) {
      precondition(isSet, "\(dataset.name) has not been set for this row")
    }
    for index in isSet.indices { isSet[index] = false }
    return columns
  }
}

extension RowDataset {
  /// Whether it holds a block's tokens.
  var isTokens: Bool { rowShape.count == 2 && name.hasPrefix(RowLayout.tokens) }
}
