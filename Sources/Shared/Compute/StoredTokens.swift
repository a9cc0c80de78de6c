import CKernels

/// Some tokens, [tokenCount, width], read in place in the type that they are stored in.
///
/// Tokens in 8 bits have scales: those of the channels are multiplied into them where they are widened, those of the tokens
/// into the products and the weights. A view: it lives as long as the memory behind it.
public struct StoredTokens {
  public let type: ElementType
  public let pointer: UnsafeRawPointer
  public let tokenCount: Int
  public let width: Int
  let scales: Scales?

  struct Scales {
    /// [tokenCount]
    let tokens: UnsafePointer<Float>
    /// [width]
    let channels: UnsafePointer<Float>
  }

  /// Tokens of a floating-point type.
  public init(_ type: ElementType, _ pointer: UnsafeRawPointer, tokenCount: Int, width: Int) {
    precondition(type.isFloatingPoint, "tokens of type \(type) need scales")
    (self.type, self.pointer, self.tokenCount, self.width) = (type, pointer, tokenCount, width)
    scales = nil
  }

  /// Tokens in 8 bits, as ``TokenQuantizer`` makes them.
  public init(
    quantized pointer: UnsafePointer<Int8>, tokenCount: Int, width: Int, tokenScales: UnsafePointer<Float>,
    channelScales: UnsafePointer<Float>
  ) {
    (type, self.pointer, self.tokenCount, self.width) = (.int8, .init(pointer), tokenCount, width)
    scales = Scales(tokens: tokenScales, channels: channelScales)
  }

  private init(_ all: StoredTokens, range: Range<Int>) {
    (type, tokenCount, width) = (all.type, range.count, all.width)
    pointer = all.pointer + range.lowerBound * all.width * all.type.byteCount
    scales = all.scales.map { Scales(tokens: $0.tokens + range.lowerBound, channels: $0.channels) }
  }

  /// Some of the tokens.
  public subscript(range: Range<Int>) -> StoredTokens {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= tokenCount,
      "tokens \(range) are not all of 0 ..< \(tokenCount)")
    return StoredTokens(self, range: range)
  }

  /// The tokens as they are stored, without their scales.
  package var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: pointer, count: tokenCount * width * type.byteCount)
  }

  /// [tokenCount]; nil where tokens are not in 8 bits.
  package var tokenScales: UnsafeBufferPointer<Float>? {
    scales.map { UnsafeBufferPointer(start: $0.tokens, count: tokenCount) }
  }

  /// [width]; nil likewise.
  var channelScales: UnsafePointer<Float>? { scales?.channels }

  /// Writes the tokens in single precision, [tokenCount, width].
  public func decode(into destination: UnsafeMutablePointer<Float>) {
    guard let scales else { return type.decode(pointer, into: destination, count: tokenCount * width) }
    pb_dequantize_tokens(
      pointer.assumingMemoryBound(to: Int8.self), tokenCount, width, scales.tokens, scales.channels,
      destination)
  }
}
