import Files

/// How an image becomes a model's input: torchvision's `Resize`, `CenterCrop`, `ToTensor`, `Normalize`, as timm puts them
/// together for evaluation.
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

  /// What resizing does with the proportions of an image (timm's `crop_mode`).
  public enum CropMode: String, Codable, CaseIterable, Sendable {
    /// Keeps them: the image covers the size that it is resized to, and what is beyond is cut off.
    case center
    /// Makes them those of the size that it is resized to.
    case squash
  }

  /// The size that an image is resized to, before its centre is cut out.
  public let resize: PixelSize
  /// The size of what is cut out: the model's input. Zeros surround an image that is smaller.
  public let crop: PixelSize
  public let cropMode: CropMode
  public let interpolation: Interpolation
  /// Subtracted from red, green and blue in [0, 1]; the rest is divided by the standard deviation.
  public let mean: [Float]
  public let standardDeviation: [Float]

  /// Of the ImageNet training images: what nearly every published encoder expects.
  public static let imageNetMean: [Float] = [0.485, 0.456, 0.406]
  public static let imageNetStandardDeviation: [Float] = [0.229, 0.224, 0.225]

  /// - Throws: ``InputError`` that says which value is wrong.
  public init(
    resize: PixelSize, crop: PixelSize, cropMode: CropMode = .center, interpolation: Interpolation = .bicubic,
    mean: [Float] = imageNetMean, standardDeviation: [Float] = imageNetStandardDeviation
  ) throws(InputError) {
    self.resize = resize
    self.crop = crop
    self.cropMode = cropMode
    self.interpolation = interpolation
    self.mean = mean
    self.standardDeviation = standardDeviation
    try validate()
  }

  /// For inputs of `inputSize`, resized to 256/224 of that before the crop, as is usual for evaluation.
  ///
  /// - Parameter cropFraction: the part of the resized sides that is kept, where it is another (timm: `crop_pct`).
  public init(
    inputSize: PixelSize, cropFraction: Double? = nil, cropMode: CropMode = .center,
    interpolation: Interpolation = .bicubic, mean: [Float] = imageNetMean,
    standardDeviation: [Float] = imageNetStandardDeviation
  ) throws(InputError) {
    var resized = PixelSize(side: 0)
    for side in [\PixelSize.height, \.width] {
      let length = inputSize[keyPath: side]
      guard (1...Self.largestSide).contains(length) else { throw Self.sideError("input size", length) }
      let exact = cropFraction.map { (Double(length) / $0).rounded(.down) } ?? Double(length * 256 / 224)
      if let cropFraction, !(cropFraction > 0 && exact <= Double(Self.largestSide)) {
        throw InputError(
          "preprocessing", "the crop fraction is \(cropFraction), which is not within 0 to 1")
      }
      resized[keyPath: side] = Int(exact)
    }
    try self.init(
      resize: resized, crop: inputSize, cropMode: cropMode, interpolation: interpolation, mean: mean,
      standardDeviation: standardDeviation)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    try self.init(
      resize: container.decode(PixelSize.self, forKey: .resize),
      crop: container.decode(PixelSize.self, forKey: .crop),
      cropMode: container.decode(CropMode.self, forKey: .cropMode),
      interpolation: container.decode(Interpolation.self, forKey: .interpolation),
      mean: container.decode([Float].self, forKey: .mean),
      standardDeviation: container.decode([Float].self, forKey: .standardDeviation))
  }

  /// The number of values in an input, [3, crop height, crop width].
  public var valueCount: Int { 3 * crop.pixelCount }

  /// The size that an image has after resizing.
  ///
  /// With its proportions kept, it covers a square as torchvision's `Resize` makes it, the longer side rounded down, and an
  /// oblong as timm's `ResizeKeepRatio` does, sides rounded to nearest. It may be far larger than any
  /// memory: of what is resized, only the crop is ever made.
  func resizedSize(of image: PixelSize) -> PixelSize {
    switch (cropMode, resize.isSquare) {
    case (.squash, _):
      return resize
    case (.center, true):
      let (shorter, longer) = (min(image.height, image.width), max(image.height, image.width))
      let longerResized = resize.height * longer / shorter
      return PixelSize(
        height: image.height == shorter ? resize.height : longerResized,
        width: image.width == shorter ? resize.height : longerResized)
    case (.center, false):
      let ratio = min(
        Double(image.height) / Double(resize.height), Double(image.width) / Double(resize.width))
      // Python rounds halves to even.
      func length(_ side: Int) -> Int { Int((Double(side) / ratio).rounded(.toNearestOrEven)) }
      return PixelSize(height: length(image.height), width: length(image.width))
    }
  }

  private static let largestSide = 1 << 14

  private static func sideError(_ name: String, _ side: Int) -> InputError {
    InputError("preprocessing", "the \(name) is \(side) pixels, which is not within 1 to \(largestSide)")
  }

  private func validate() throws(InputError) {
    for (name, size) in [("resized side", resize), ("crop", crop)] {
      for side in [size.height, size.width] where !(1...Self.largestSide).contains(side) {
        throw Self.sideError(name, side)
      }
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
