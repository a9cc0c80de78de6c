import LinearLayers
import VisionTransformer

/// What weights cannot reveal about a model, from wherever it is known.
struct ModelSettings {
  let modelName: String
  let headCount: Int
  let layerNormEpsilon: Float
  let activation: Activation
  let rotary: RotaryEmbedding?
  /// Whether the position embedding is computed, as there is none and nothing else tells positions.
  let computesPositions: Bool
  let attentionTemperature: Float
  let preprocessing: PreprocessingHints
  /// The patches that the position embedding is for, row by row.
  let trainedGrid: (height: Int, width: Int)
}
