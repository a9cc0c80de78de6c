import Files

/// Positions inside the attention that are the same in all blocks of an encoder.
struct SharedPositions: Sendable {
  /// Nil where there is none, or each block has its own.
  let relative: RelativePositionBias?
  /// Likewise.
  let turns: RotaryTurns?

  init(_ reader: WeightReader, _ configuration: EncoderConfiguration) throws(InputError) {
    relative =
      configuration.parts.relativePosition == .shared
      ? try RelativePositionBias(reader.scoped("rel_pos_bias"), configuration) : nil
    if let rotary = configuration.rotary, rotary.frequencies != .learned {
      turns = try RotaryTurns(rotary, reader, configuration)
    } else {
      turns = nil
    }
  }
}
