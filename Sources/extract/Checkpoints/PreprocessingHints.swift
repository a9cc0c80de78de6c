import Files

/// How images are prepared for a model.
public struct PreprocessingHints: Codable, Equatable, Sendable {
  /// The input image's size, in pixels.
  public var inputHeight: Int
  public var inputWidth: Int
  /// Red, green, blue, of pixels in 0 ... 1.
  public var mean: [Float]
  /// Red, green, blue, of pixels in 0 ... 1.
  public var standardDeviation: [Float]
  /// The part of the resized image's side that the crop keeps: images are resized to input size / this.
  public var cropFraction: Double
  /// `bicubic`, or another of Pillow's filters.
  public var interpolation: String
  /// `center`, or another of timm's: `squash` for images that are stretched to the input's proportions.
  public var cropMode: String

  public init(
    inputHeight: Int, inputWidth: Int, mean: [Float], standardDeviation: [Float], cropFraction: Double,
    interpolation: String, cropMode: String = "center"
  ) {
    self.inputHeight = inputHeight
    self.inputWidth = inputWidth
    self.mean = mean
    self.standardDeviation = standardDeviation
    self.cropFraction = cropFraction
    self.interpolation = interpolation
    self.cropMode = cropMode
  }

  /// ImageNet's, which MAE and most of timm's models were trained with.
  static let imageNetMean: [Float] = [0.485, 0.456, 0.406]
  static let imageNetStandardDeviation: [Float] = [0.229, 0.224, 0.225]
  /// A crop of 224 from 256 pixels, as MAE's evaluation does.
  static let defaultCropFraction = 0.875

  /// - Parameter fault: makes an error of an option's name (`mean`, `std`, `crop-pct`) and a reason.
  static func validate(
    mean: [Float]?, standardDeviation: [Float]?, cropFraction: Double?,
    fault: (_ option: String, _ reason: String) -> InputError
  ) throws(InputError) {
    if let mean, mean.count != 3 || !mean.allSatisfy(\.isFinite) {
      throw fault("mean", "must be three numbers, for red, green and blue, not \(mean.prefix(8))")
    }
    if let standardDeviation,
      standardDeviation.count != 3 || !standardDeviation.allSatisfy({ $0.isFinite && $0 > 0 })
    {
      throw fault(
        "std", "must be three positive numbers, for red, green and blue, not \(standardDeviation.prefix(8))")
    }
    if let cropFraction, !(cropFraction > 0.01 && cropFraction <= 1) {
      throw fault("crop-pct", "must be above 0.01 and at most 1, not \(cropFraction)")
    }
  }
}
