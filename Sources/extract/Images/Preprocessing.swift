import Files

/// How an image becomes a model's input: torchvision's `Resize(resize)`, `CenterCrop(crop)`, `ToTensor`, `Normalize`.
///
/// Always valid: the initialisers, which decoding calls as well, refuse values that make no input.
public struct Preprocessing: Codable, Equatable, Sendable {
  /// The filter that resizing weighs pixels with; both are widened where they shrink an image (antialiasing).
  public enum Interpolation: String, Codable, CaseIterable, Sendable {
    /// Keys' cubic convolution with a = -0.5.
    case bicubic
    /// The triangle.
    case bilinear
  }

  /// The length that the shorter side is resized to, in pixels; the other side keeps the proportion, rounded down.
  public let resize: Int
  /// The side of the square that is cut from the centre. Zeros surround an image that is smaller.
  public let crop: Int
  public let interpolation: Interpolation
  /// Subtracted from red, green and blue in [0, 1]; the rest is divided by the standard deviation.
  public let mean: [Float]
  public let standardDeviation: [Float]

  /// Of the ImageNet training images: what nearly every published encoder expects.
  public static let imageNetMean: [Float] = [0.485, 0.456, 0.406]
  public static let imageNetStandardDeviation: [Float] = [0.229, 0.224, 0.225]

  /// - Throws: ``InputError`` that says which value is wrong.
  public init(
    resize: Int, crop: Int, interpolation: Interpolation = .bicubic, mean: [Float] = imageNetMean,
    standardDeviation: [Float] = imageNetStandardDeviation
  ) throws(InputError) {
    self.resize = resize
    self.crop = crop
    self.interpolation = interpolation
    self.mean = mean
    self.standardDeviation = standardDeviation
    try validate()
  }

  /// For inputs of `inputSize` pixels a side, resized to 256/224 of that before the crop, as is usual for evaluation.
  ///
  /// - Parameter cropFraction: the part of the resized side that is kept, where it is another (timm: `crop_pct`).
  public init(
    inputSize: Int, cropFraction: Double? = nil, interpolation: Interpolation = .bicubic,
    mean: [Float] = imageNetMean, standardDeviation: [Float] = imageNetStandardDeviation
  ) throws(InputError) {
    guard (1...Self.largestSide).contains(inputSize) else { throw Self.sideError("input size", inputSize) }
    let resized =
      cropFraction.map { (Double(inputSize) / $0).rounded(.down) } ?? Double(inputSize * 256 / 224)
    guard let cropFraction, !(cropFraction > 0 && resized <= Double(Self.largestSide)) else {
      try self.init(
        resize: Int(resized), crop: inputSize, interpolation: interpolation, mean: mean,
        standardDeviation: standardDeviation)
      return
    }
    throw InputError("preprocessing", "the crop fraction is \(cropFraction), which is not within 0 to 1")
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    try self.init(
      resize: container.decode(Int.self, forKey: .resize), crop: container.decode(Int.self, forKey: .crop),
      interpolation: container.decode(Interpolation.self, forKey: .interpolation),
      mean: container.decode([Float].self, forKey: .mean),
      standardDeviation: container.decode([Float].self, forKey: .standardDeviation))
  }

  /// The number of values in an input, [3, crop, crop].
  public var valueCount: Int { 3 * crop * crop }

  private static let largestSide = 1 << 14

  private static func sideError(_ name: String, _ side: Int) -> InputError {
    InputError("preprocessing", "the \(name) is \(side) pixels, which is not within 1 to \(largestSide)")
  }

  private func validate() throws(InputError) {
    for (name, side) in [("resized side", resize), ("crop", crop)]
    where !(1...Self.largestSide).contains(side) {
      throw Self.sideError(name, side)
    }
    guard mean.count == 3, mean.allSatisfy(\.isFinite) else {
      throw InputError("preprocessing", "the mean is \(mean), which is not three finite numbers")
    }
    guard standardDeviation.count == 3, standardDeviation.allSatisfy({ $0.isFinite && $0 > 0 }) else {
      throw InputError(
        "preprocessing", "the standard deviation is \(standardDeviation), which is not three positive numbers"
      )
    }
  }
}
