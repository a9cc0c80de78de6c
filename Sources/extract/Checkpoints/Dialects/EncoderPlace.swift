/// Where an encoder is among a checkpoint's weights: what its weights' names begin with.
struct EncoderPlace {
  let prefix: String
  /// The keys and the parts of the prefix that lead to the encoder.
  let words: [Substring]
  let prefixWordCount: Int
  /// Of several encoders in a file, the one of the least rank is meant: what learns slowly rather than its pupil, what
  /// sees images rather than what reads texts.
  let rank: Int

  init(prefix: String, path: [Substring]) {
    let parts = prefix.split(separator: ".")
    self.prefix = prefix
    words = path + parts
    prefixWordCount = parts.count
    rank = words.reduce(0) { sum, word in sum + (Self.preferences[word] ?? 0) }
  }

  private static let preferences: [Substring: Int] = [
    "teacher": -2, "target_encoder": -2, "student_ema": -2, "model_ema": -1, "base_encoder": -1, "visual": -1,
    "vision_model": -1, "image_encoder": -1, "student": 1, "momentum_encoder": 1, "text_model": 2,
    "predictor": 2,
    "decoder": 2,
  ]
}
