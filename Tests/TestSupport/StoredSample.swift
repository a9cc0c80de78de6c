import Compute

/// Tokens in a stored type, with what they really are: the stored values, widened.
public struct StoredSample: Sendable {
  public static let types = [ElementType.float32, .float16, .bfloat16, .int8]

  public let type: ElementType
  public let tokenCount: Int
  public let width: Int
  /// [tokenCount, width]
  public let values: SharedBuffer<Float>
  private let stored: SharedBuffer<UInt8>
  private let tokenScales: SharedBuffer<Float>
  private let channelScales: SharedBuffer<Float>

  /// - Parameters:
  ///   - values: [tokenCount, width], rounded to the type.
  ///   - channelScales: [width], for 8 bits; from 0.5 to 2 where nil.
  public init(
    _ values: [Float], as type: ElementType, tokenCount: Int, width: Int, channelScales: [Float]? = nil
  ) {
    precondition(
      values.count == tokenCount * width, "\(values.count) values are not \(tokenCount) x \(width)")
    self.type = type
    self.tokenCount = tokenCount
    self.width = width
    self.values = SharedBuffer(values)
    stored = SharedBuffer(count: values.count * type.byteCount)
    tokenScales = SharedBuffer(count: tokenCount)
    self.channelScales = SharedBuffer(
      channelScales ?? (0..<width).map { 0.5 + 1.5 * Float($0) / Float(width) })
    if type == .int8 {
      stored.pointer.withMemoryRebound(to: Int8.self, capacity: values.count) { quantized in
        _ = TokenQuantizer(channelScales: self.channelScales.array).encode(
          self.values.pointer, tokenCount: tokenCount, into: quantized, tokenScales: tokenScales.pointer)
      }
    } else {
      type.encode(self.values.pointer, into: stored.pointer, count: values.count)
    }
    tokens.decode(into: self.values.pointer)
  }

  /// Lives as long as the sample.
  public var tokens: StoredTokens {
    guard type == .int8 else {
      return StoredTokens(type, stored.pointer, tokenCount: tokenCount, width: width)
    }
    return StoredTokens(
      quantized: UnsafeRawPointer(stored.pointer).assumingMemoryBound(to: Int8.self), tokenCount: tokenCount,
      width: width, tokenScales: tokenScales.pointer, channelScales: channelScales.pointer)
  }
}
