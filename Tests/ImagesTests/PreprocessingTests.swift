import Files
import Foundation
import Images
import Tensors
import TestSupport
import Testing

struct PreprocessingTests {
  /// One of the reference's cases, as its name "HEIGHTxWIDTH-RESIZE-CROP-INTERPOLATION" says.
  struct Case {
    let image: RGBImage
    let preprocessing: Preprocessing

    init(_ name: Substring) throws {
      let parts = name.split(separator: "-")
      let sizes = parts[0].split(separator: "x").compactMap { Int($0) }
      image = pattern(height: sizes[0], width: sizes[1])
      preprocessing = try Preprocessing(
        resize: PixelSize(side: try #require(Int(parts[1]))),
        crop: PixelSize(side: try #require(Int(parts[2]))),
        interpolation: try #require(Preprocessing.Interpolation(rawValue: String(parts[3]))))
    }
  }

  private let reference: [String: Tensor]

  init() throws {
    reference = try Safetensors.read(Fixtures.path("images/preprocessing.safetensors")).tensors
  }

  @Test func turnsEveryByteIntoTheValueOfTorchvision() throws {
    let image = RGBImage(
      height: 1, width: 256, pixels: (0..<256).flatMap { [UInt8($0), UInt8($0), UInt8($0)] })
    let preprocessing = try Preprocessing(resize: PixelSize(side: 1), crop: PixelSize(side: 256))
    let input = apply(preprocessing, to: image)
    // The image is the crop's middle row; black surrounds it.
    let values = try #require(reference["values"]).floats()
    for channel in 0..<3 {
      let plane = Array(input[channel * 65_536..<(channel + 1) * 65_536])
      let expected = Array(values[channel * 256..<(channel + 1) * 256])
      #expect(Array(plane[127 * 256..<128 * 256]) == expected)
      #expect(plane[0] == expected[0])
    }
  }

  @Test func resizesAndCropsToTheBitAsTorchvisionDoes() throws {
    let names = reference.keys.filter { $0.hasPrefix("crop/") }
    #expect(names.count > 40)
    let values = try #require(reference["values"]).floats()
    for name in names {
      let example = try Case(name.dropFirst(5))
      let crop = example.preprocessing.crop
      let bytes = try #require(reference[name]).withBytes { Array($0) }
      var expected: [Float] = []
      for channel in 0..<3 {
        for pixel in 0..<crop.pixelCount {
          expected.append(values[channel * 256 + Int(bytes[pixel * 3 + channel])])
        }
      }
      #expect(apply(example.preprocessing, to: example.image) == expected, "\(name)")
    }
  }

  /// Oblong inputs, and images squeezed into shape.
  @Test func resizesAndCropsToTheBitAsTimmDoes() throws {
    let crops = try Safetensors.read(Fixtures.path("images/crops.safetensors")).tensors
    #expect(crops.count == 40)
    for (name, tensor) in crops {
      let parts = name.split(separator: "-")
      let sizes = parts[0...1].map { $0.split(separator: "x").compactMap { Int($0) } }
      let crop = PixelSize(height: sizes[1][0], width: sizes[1][1])
      let preprocessing = try Preprocessing(
        inputSize: crop, cropFraction: Double(parts[2]),
        cropMode: try #require(Preprocessing.CropMode(rawValue: String(parts[3]))),
        interpolation: try #require(Preprocessing.Interpolation(rawValue: String(parts[4]))),
        mean: [0, 0, 0], standardDeviation: [1, 1, 1])
      let bytes = tensor.withBytes { Array($0) }
      let expected = (0..<3).flatMap { channel in
        (0..<crop.pixelCount).map { Float(bytes[$0 * 3 + channel]) / 255 }
      }
      #expect(
        apply(preprocessing, to: pattern(height: sizes[0][0], width: sizes[0][1])) == expected, "\(name)")
    }
  }

  @Test func makesTheInputsOfTorchvision() throws {
    let names = reference.keys.filter { $0.hasPrefix("input/") }
    #expect(names.count == 4)
    for name in names {
      let example = try Case(name.dropFirst(6))
      #expect(apply(example.preprocessing, to: example.image) == reference[name]?.floats(), "\(name)")
    }
  }

  @Test func keepsNothingOfTheImageBefore() throws {
    let preprocessing = try Preprocessing(inputSize: PixelSize(side: 32))
    let preprocessor = Preprocessor(preprocessing)
    for (height, width) in [(300, 200), (5, 4), (90, 400), (32, 32), (1, 1)] {
      let image = pattern(height: height, width: width)
      let box = PixelBox(top: height / 3, left: 0, height: (height + 1) / 2, width: (width + 2) / 3)
      for view in [ImageView.center, .crop(box, isMirrored: true), .crop(box, isMirrored: false)] {
        var input = [Float](repeating: .nan, count: preprocessing.valueCount)
        preprocessor.apply(image, view: view, into: &input)
        #expect(input == apply(preprocessing, to: image, view: view))
      }
    }
  }

  @Test func resizesLongLinesWithoutTheMemoryForThem() throws {
    // Resized as a whole, the longer side would have 224 million pixels.
    let line = pattern(height: 1, width: 1_000_000)
    let input = apply(try Preprocessing(resize: PixelSize(side: 224), crop: PixelSize(side: 16)), to: line)
    #expect(input.allSatisfy { $0.isFinite })
  }

  @Test func takesSizesFromTheInputSize() throws {
    func resize(_ side: Int, _ cropFraction: Double? = nil) throws -> Int {
      let preprocessing = try Preprocessing(inputSize: PixelSize(side: side), cropFraction: cropFraction)
      #expect(preprocessing.crop == PixelSize(side: side) && preprocessing.resize.isSquare)
      return preprocessing.resize.height
    }
    #expect(try resize(224) == 256)
    #expect(try resize(32) == 36)
    #expect(try resize(224, 0.9) == 248)
    #expect(try resize(384, 1) == 384)
    #expect(try resize(224, 0.875) == 256)
    let oblong = try Preprocessing(inputSize: PixelSize(height: 224, width: 112), cropFraction: 0.5)
    #expect(oblong.resize == PixelSize(height: 448, width: 224))
  }

  @Test func refusesValuesThatMakeNoInput() throws {
    let one = PixelSize(side: 1)
    func reason(_ make: () throws(InputError) -> Preprocessing) -> String? {
      do {
        _ = try make()
        return nil
      } catch {
        return error.reason
      }
    }
    #expect(
      reason { () throws(InputError) in try Preprocessing(resize: PixelSize(side: 0), crop: one) }
        == "the resized side is 0 pixels, which is not within 1 to 16384")
    #expect(
      reason { () throws(InputError) in
        try Preprocessing(resize: one, crop: PixelSize(height: 1, width: 1 << 20))
      }
        == "the crop is 1048576 pixels, which is not within 1 to 16384")
    #expect(
      reason { () throws(InputError) in try Preprocessing(inputSize: PixelSize(side: .max)) }?.hasPrefix(
        "the input size is") == true)
    for fraction in [0, -1, .nan, 1e-9, .infinity] {
      #expect(
        reason { () throws(InputError) in
          try Preprocessing(inputSize: PixelSize(side: 224), cropFraction: fraction)
        } != nil)
    }
    #expect(
      reason { () throws(InputError) in try Preprocessing(resize: one, crop: one, mean: [0, 0]) }
        == "the mean is [0.0, 0.0], which is not three finite numbers")
    #expect(
      reason { () throws(InputError) in
        try Preprocessing(resize: one, crop: one, standardDeviation: [1, 0, 1])
      }
        == "the standard deviation is [1.0, 0.0, 1.0], which is not three positive numbers")
  }

  @Test func isWrittenAndReadAsJSON() throws {
    let preprocessing = try Preprocessing(
      resize: PixelSize(side: 40), crop: PixelSize(height: 32, width: 24), cropMode: .squash,
      interpolation: .bilinear, mean: [0.5, 0.25, 0.1], standardDeviation: [1, 2, 0.3])
    let encoded = try JSONEncoder().encode(preprocessing)
    #expect(try JSONDecoder().decode(Preprocessing.self, from: encoded) == preprocessing)
    let broken = String(decoding: encoded, as: UTF8.self).replacingOccurrences(of: "40", with: "0")
    #expect(throws: InputError.self) { try JSONDecoder().decode(Preprocessing.self, from: Data(broken.utf8)) }
  }
}

/// The image of `pattern` in tools/reference/images.py.
func pattern(height: Int, width: Int) -> RGBImage {
  var pixels: [UInt8] = []
  pixels.reserveCapacity(height * width * 3)
  for y in 0..<height {
    for x in 0..<width {
      for channel in 0..<3 {
        pixels.append(UInt8(truncatingIfNeeded: (3 * x * x + 5 * y * y + 7 * x * y + 85 * channel) / 8))
      }
    }
  }
  return RGBImage(height: height, width: width, pixels: pixels)
}

func apply(
  _ preprocessing: Preprocessing, to image: RGBImage, view: ImageView = .center
) -> [Float] {
  var input = [Float](repeating: .nan, count: preprocessing.valueCount)
  Preprocessor(preprocessing).apply(image, view: view, into: &input)
  return input
}
