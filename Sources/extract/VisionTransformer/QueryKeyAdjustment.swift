import Compute
import Files

/// What happens to queries and keys before they meet: a norm of each head's, a rotation by the token's place, or both.
struct QueryKeyAdjustment: Sendable {
  private let configuration: EncoderConfiguration
  private let queryNorm: Norm?
  private let keyNorm: Norm?
  private let turns: RotaryTurns?

  /// - Parameters:
  ///   - reader: of a block's `attn`.
  ///   - queryScale: what normalised queries are multiplied with.
  ///   - turns: those that all blocks share; nil where there are none, or each block has its own.
  /// - Returns: nil where queries and keys meet as they are projected.
  init?(
    _ reader: WeightReader, _ configuration: EncoderConfiguration, queryScale: Float, turns: RotaryTurns?
  ) throws(InputError) {
    guard configuration.parts.hasQueryKeyNorm || configuration.rotary != nil else { return nil }
    self.configuration = configuration
    if let rotary = configuration.rotary, turns == nil {
      self.turns = try RotaryTurns(rotary, reader, configuration)
    } else {
      self.turns = turns
    }
    guard configuration.parts.hasQueryKeyNorm else {
      (queryNorm, keyNorm) = (nil, nil)
      return
    }
    let headWidth = configuration.headWidth
    let queryNorm = try Norm(reader.scoped("q_norm"), configuration, width: headWidth)
    let keyNorm = try Norm(reader.scoped("k_norm"), configuration, width: headWidth)
    queryNorm.scale(by: queryScale)
    if let rotary = configuration.rotary {
      for norm in [queryNorm, keyNorm] { norm.rearrange { rotary.place($0, headWidth: headWidth) } }
    }
    (self.queryNorm, self.keyNorm) = (queryNorm, keyNorm)
  }

  /// The values that are adjusted before they are rounded: queries, keys and values.
  static func wideCount(_ configuration: EncoderConfiguration, _ arithmetic: Arithmetic) -> Int {
    let isThere = configuration.parts.hasQueryKeyNorm || configuration.rotary != nil
    return isThere && arithmetic.operands != .float32 ? 3 * configuration.tokenCount * configuration.width : 0
  }

  /// - Parameter tokens: `[T, 3 D]`: every token's queries, keys and values, head after head.
  func apply(_ tokens: UnsafeMutablePointer<Float>) {
    let (width, headCount) = (configuration.width, configuration.headCount)
    for token in 0..<configuration.tokenCount {
      let queries = tokens + token * 3 * width
      queryNorm?.apply(inPlace: queries, rowCount: headCount)
      keyNorm?.apply(inPlace: queries + width, rowCount: headCount)
      // Queries and keys are turned alike.
      turns?.apply(queries, headCount: 2 * headCount, token: token)
    }
  }
}
