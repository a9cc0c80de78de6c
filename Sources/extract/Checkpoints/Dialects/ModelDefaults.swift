import LinearLayers
import VisionTransformer

/// What weights do not reveal and all models of a family have in common.
struct ModelDefaults: Sendable {
  var normKind = Norm.Kind.layer
  var normEpsilon: Float = 1e-6
  var activation = Activation.gelu
  /// The number of heads by the width of a token, where it is another one than models of that size usually have.
  var headCounts: [Int: Int] = [:]
  var rotary: RotaryEmbedding?
  var positionResizing = PositionResizing.bicubic
  /// Whether a model without a position embedding has one of sines and cosines, for whatever grid it is given.
  var computesPositions = false
  /// The side of the input in pixels, where no position embedding says for which grid a model was trained.
  var inputSide = 224
  var mean = PreprocessingHints.imageNetMean
  var standardDeviation = PreprocessingHints.imageNetStandardDeviation
  var cropFraction = PreprocessingHints.defaultCropFraction
  var interpolation = "bicubic"
  var cropMode = "center"
  /// Another resizing for models that have registers.
  var resizingWithRegisters: PositionResizing?

  func positionResizing(hasRegisters: Bool) -> PositionResizing {
    hasRegisters ? resizingWithRegisters ?? positionResizing : positionResizing
  }
}
