import Files
import LinearLayers
import VisionTransformer

/// Which checkpoint to load, and what its user says about it. What is left nil comes from the file, from a
/// `config.json` beside it, or from the model's name.
public struct CheckpointRequest: Sendable {
  public var path: String
  /// A published architecture, such as `vit_base_patch16`.
  public var modelName: String?
  /// The state dict's key in the file, with points between the keys of nested dictionaries.
  public var checkpointKey: String?
  /// Of the input image, in another size than the model was made for.
  public var inputSize: InputSize?
  /// Whether the weights must be SimMIM's, whose names others have as well.
  public var isSimMIM: Bool
  public var headCount: Int?
  public var layerNormEpsilon: Float?
  public var activation: Activation?
  /// ``EncoderConfiguration/attentionTemperature``, 1 where it is nil.
  public var attentionTemperature: Float?
  /// Per channel, of pixels in 0 ... 1.
  public var mean: [Float]?
  /// Per channel, of pixels in 0 ... 1.
  public var standardDeviation: [Float]?
  /// The part of the resized image's side that the crop keeps.
  public var cropFraction: Double?
  /// The filter of the resizing, as ``PreprocessingHints/interpolation`` has it.
  public var interpolation: String?
  /// As ``PreprocessingHints/cropMode`` has it.
  public var cropMode: String?

  public init(
    path: String, modelName: String? = nil, checkpointKey: String? = nil, inputSize: InputSize? = nil,
    isSimMIM: Bool = false,
    headCount: Int? = nil, layerNormEpsilon: Float? = nil, activation: Activation? = nil,
    attentionTemperature: Float? = nil, mean: [Float]? = nil,
    standardDeviation: [Float]? = nil, cropFraction: Double? = nil, interpolation: String? = nil,
    cropMode: String? = nil
  ) {
    self.path = path
    self.modelName = modelName
    self.checkpointKey = checkpointKey
    self.inputSize = inputSize
    self.isSimMIM = isSimMIM
    self.headCount = headCount
    self.layerNormEpsilon = layerNormEpsilon
    self.activation = activation
    self.attentionTemperature = attentionTemperature
    self.mean = mean
    self.standardDeviation = standardDeviation
    self.cropFraction = cropFraction
    self.interpolation = interpolation
    self.cropMode = cropMode
  }

  /// - Throws: ``InputError`` that names the first option whose value makes no sense.
  func validate() throws(InputError) {
    if let headCount, !(1...65536 ~= headCount) {
      throw InputError("--num-heads \(headCount)", "must be a number of heads")
    }
    if let inputSize, ![inputSize.height, inputSize.width].allSatisfy({ 1...65536 ~= $0 }) {
      throw InputError("--input-size \(inputSize)", "must be a number of pixels")
    }
    if let layerNormEpsilon, !(layerNormEpsilon.isFinite && layerNormEpsilon > 0) {
      throw InputError("--layer-norm-eps \(layerNormEpsilon)", "must be a small positive number")
    }
    if let attentionTemperature, !(attentionTemperature.isFinite && attentionTemperature > 0) {
      throw InputError("--attn-temperature \(attentionTemperature)", "must be a positive number")
    }
    try PreprocessingHints.validate(
      mean: mean, standardDeviation: standardDeviation, cropFraction: cropFraction
    ) {
      option, reason in InputError("--\(option)", reason)
    }
  }
}
