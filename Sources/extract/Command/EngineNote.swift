import LinearLayers
import VisionTransformer

/// What a user would not expect of the encoder's arithmetic.
enum EngineNote {
  static func text(_ encoder: Encoder) -> String? {
    guard encoder.arithmetic.engine == .oneDNN, encoder.linearEngine == .openBLAS else { return nil }
    return
      "oneDNN offers no \(encoder.arithmetic.operands) on this processor: OpenBLAS multiplies the rounded values "
      + "in single precision, no faster than with --amp none"
  }
}
