import CKernels
import Compute

/// An image's tokens while they are visited, and what several heads may ask of them, which is then computed once.
///
/// Belongs to one thread, which shows it one image after the other.
package final class ImageTokens {
  private var shown: StoredTokens?
  private let layout: TokenLayout
  /// [T, D], made on first use.
  private var widened: SharedBuffer<Float>?
  private var isWidened = false
  /// [T, D], likewise.
  private var roundedValues: SharedBuffer<UInt16>?
  private var isRounded = false
  private var moments: [Float: TokenMoments] = [:]
  private var channelMoments: [Int: ChannelMoments] = [:]
  private var scratch: [ObjectIdentifier: AnyObject] = [:]
  /// Whether the image is the first one of its group, where sums over the group start.
  package private(set) var isFirstOfGroup = true

  /// What is shown next, where that is known and laid out as what is shown.
  private(set) var next: StoredTokens?
  private let norm: TokenNorm?
  /// [T, D]; empty without a norm.
  private let normalized: SharedBuffer<Float>

  /// - Parameter norm: what tokens go through before anybody sees them; nil for nothing.
  package init(layout: TokenLayout, norm: TokenNorm? = nil) {
    (self.layout, self.norm) = (layout, norm)
    normalized = SharedBuffer(count: norm == nil ? 0 : layout.tokenCount * layout.width)
  }

  /// [T, D]
  package var stored: StoredTokens {
    guard let shown else { preconditionFailure("no image has been shown yet") }
    return shown
  }

  /// - Parameter next: of the image that is shown next, which memory can be asked for beforehand.
  package func show(_ tokens: StoredTokens, before next: StoredTokens? = nil, isFirstOfGroup: Bool = true) {
    self.next = norm == nil && next?.type == tokens.type ? next : nil
    shown = norm?.normalize(tokens, into: normalized.pointer) ?? tokens
    self.isFirstOfGroup = isFirstOfGroup
    (isWidened, isRounded) = (false, false)
    for moments in moments.values { moments.isCurrent = false }
    for moments in channelMoments.values { moments.isCurrent = false }
  }

  /// The tokens in single precision, [T, D].
  package func inSinglePrecision() -> UnsafeMutablePointer<Float> {
    let buffer = widened ?? SharedBuffer<Float>(count: layout.tokenCount * layout.width)
    widened = buffer
    if !isWidened { stored.decode(into: buffer.pointer) }
    isWidened = true
    return buffer.pointer
  }

  /// Tokens that are stored in 16 bits, as bits, [T, D].
  var halves: UnsafePointer<UInt16> {
    precondition(stored.type.byteCount == 2, "tokens of type \(stored.type) have other bits")
    return stored.pointer.assumingMemoryBound(to: UInt16.self)
  }

  /// The tokens in bfloat16, [T, D].
  func inBFloat16() -> UnsafePointer<UInt16> {
    guard stored.type != .bfloat16 else { return halves }
    let buffer = roundedValues ?? SharedBuffer<UInt16>(count: layout.tokenCount * layout.width)
    roundedValues = buffer
    if !isRounded {
      if stored.type == .float16 {
        pb_rounded_tokens(halves, buffer.pointer, buffer.count)
      } else {
        _ = pb_f32_to_bf16(inSinglePrecision(), buffer.pointer, buffer.count)
      }
    }
    isRounded = true
    return UnsafePointer(buffer.pointer)
  }

  /// A head's memory on this thread, made when it first asks.
  func scratch<Memory: AnyObject>(of owner: AnyObject, _ make: () -> Memory) -> Memory {
    if let memory = scratch[ObjectIdentifier(owner)] as? Memory { return memory }
    let memory = make()
    scratch[ObjectIdentifier(owner)] = memory
    return memory
  }

  /// The tokens' means and inverse standard deviations, as LayerNorm has them.
  package func moments(epsilon: Float) -> TokenMoments {
    let moments = moments[epsilon] ?? TokenMoments(tokenCount: layout.tokenCount, epsilon: epsilon)
    self.moments[epsilon] = moments
    if !moments.isCurrent { moments.compute(stored) }
    return moments
  }

  /// Of each channel the mean over the image's tokens, and the sum of squared distances from it.
  ///
  /// - Parameter firstToken: the first of the tokens that count.
  package func channelMoments(firstToken: Int) -> ChannelMoments {
    let moments = channelMoments[firstToken] ?? ChannelMoments(layout, firstToken: firstToken)
    channelMoments[firstToken] = moments
    if !moments.isCurrent { moments.compute(stored) }
    return moments
  }
}

/// Of each channel of an image the mean over its tokens, and the sum of squared distances from it.
package final class ChannelMoments {
  private let firstToken: Int
  fileprivate var isCurrent = false
  /// [T]: 1 / T' for each of the T' tokens that count.
  private let weights: SharedBuffer<Float>
  /// [D] each.
  let means: SharedBuffer<Float>
  let squares: SharedBuffer<Float>

  fileprivate init(_ layout: TokenLayout, firstToken: Int) {
    self.firstToken = firstToken
    weights = SharedBuffer(count: layout.tokenCount)
    for token in firstToken..<layout.tokenCount {
      weights.pointer[token] = 1 / Float(layout.tokenCount - firstToken)
    }
    (means, squares) = (SharedBuffer(count: layout.width), SharedBuffer(count: layout.width))
  }

  fileprivate func compute(_ tokens: StoredTokens) {
    means.fill(0)
    tokens.addWeightedSum(weights: weights.pointer, to: means.pointer)
    tokens.squares(from: firstToken, around: means.pointer, into: squares.pointer)
    isCurrent = true
  }
}

/// Of each token the mean over its channels, and 1 / sqrt(variance + epsilon).
package final class TokenMoments {
  private let epsilon: Float
  fileprivate var isCurrent = false
  /// [T + 1, filled up to whole blocks of the kernels]: of a head's own token, which may follow the image's and which the
  /// head has normalised, 0 and 1.
  let means: SharedBuffer<Float>
  let inverseDeviations: SharedBuffer<Float>

  fileprivate init(tokenCount: Int, epsilon: Float) {
    self.epsilon = epsilon
    means = SharedBuffer(count: pb_pooling_padded(tokenCount + 1))
    inverseDeviations = SharedBuffer(count: pb_pooling_padded(tokenCount + 1))
    inverseDeviations.fill(1)
  }

  fileprivate func compute(_ tokens: StoredTokens) {
    tokens.moments(
      epsilon: epsilon, mean: means.pointer, inverseDeviation: inverseDeviations.pointer)
    isCurrent = true
  }
}
