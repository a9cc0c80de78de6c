import Files
import Images
import TokenStore

/// The images of a cache as its encoder saw them: found in a data set by their ids, and prepared as they were.
package struct InputImages: Sendable {
  private let dataset: ImageDataset
  private let entries: [String: ImageDataset.Entry]
  private let preprocessing: Preprocessing
  private let augmentation: Augmentation

  package init(_ dataset: ImageDataset, of configuration: CacheConfiguration) throws(InputError) {
    self.dataset = dataset
    entries = Dictionary(dataset.entries.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    preprocessing = try Preprocessing(configuration.preprocessing)
    let augmentation = configuration.augmentation
    guard let name = Augmentation.Name(rawValue: augmentation.name) else {
      throw InputError("the cache", "has views of an augmentation that is not known, \(augmentation.name)")
    }
    self.augmentation = try Augmentation(
      name, viewCount: augmentation.views, seed: augmentation.seed,
      hasCenterView: augmentation.hasCenterView)
  }

  /// The pixels that a row was computed from.
  ///
  /// - Returns: nil where the data set has no image of that id.
  /// - Throws: ``InputError`` where the image cannot be read or decoded.
  func image(_ row: RowIdentity) throws(InputError) -> RGBImage? {
    guard let entry = entries[row.id] else { return nil }
    let image = try dataset.content(of: entry).decoded()
    guard row.viewIndex < augmentation.viewCount else { return nil }
    let view = augmentation.view(
      Int(row.viewIndex), ofImage: row.sourceIndex, height: image.height, width: image.width)
    var input = [Float](repeating: 0, count: preprocessing.valueCount)
    let preprocessor = Preprocessor(preprocessing)
    input.withUnsafeMutableBufferPointer {
      preprocessor.apply(image, view: view, into: $0.baseAddress!)
    }
    return pixels(input)
  }

  /// - Parameter input: [3, height, width], as the encoder takes it.
  private func pixels(_ input: [Float]) -> RGBImage {
    let count = preprocessing.crop.pixelCount
    var pixels = [UInt8](repeating: 0, count: 3 * count)
    for channel in 0..<3 {
      let (mean, deviation) = (preprocessing.mean[channel], preprocessing.standardDeviation[channel])
      for pixel in 0..<count {
        let value = (input[channel * count + pixel] * deviation + mean) * 255
        pixels[pixel * 3 + channel] = UInt8(min(255, max(0, value.rounded())))
      }
    }
    return RGBImage(height: preprocessing.crop.height, width: preprocessing.crop.width, pixels: pixels)
  }
}

extension Preprocessing {
  /// As a cache records it.
  fileprivate init(_ recorded: CacheConfiguration.Preprocessing) throws(InputError) {
    guard let interpolation = Interpolation(rawValue: recorded.interpolation),
      let cropMode = CropMode(rawValue: recorded.cropMode ?? CropMode.center.rawValue)
    else {
      throw InputError(
        "the cache", "was made by a preprocessing that is not known: \(recorded.text)",
        remedy: "leave --data-path out to see attention alone")
    }
    try self.init(
      resize: PixelSize(height: recorded.resize, width: recorded.resizeWidth ?? recorded.resize),
      crop: PixelSize(height: recorded.crop, width: recorded.cropWidth ?? recorded.crop), cropMode: cropMode,
      interpolation: interpolation, mean: recorded.mean, standardDeviation: recorded.std)
  }
}
