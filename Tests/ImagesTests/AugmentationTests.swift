import Compute
import Files
import Foundation
import Images
import Tensors
import TestSupport
import Testing

struct AugmentationTests {
  private let reference: [String: Tensor]

  init() throws {
    reference = try Safetensors.read(Fixtures.path("images/views.safetensors")).tensors
  }

  @Test func drawsTheBoxesOfTheReference() throws {
    let tensor = try #require(reference["boxes"])
    let numbers = tensor.withBytes { Array($0.bindMemory(to: UInt64.self)) }
    #expect(tensor.shape == [264, 10])
    for row in 0..<tensor.shape[0] {
      let values = numbers[row * 10..<(row + 1) * 10].map { $0 }
      let sides = values[3...].map { Int($0) }
      let augmentation = try Augmentation(.linprobe, viewCount: 1 << 16, seed: values[0])
      let view = augmentation.view(
        Int(values[2]), ofImage: values[1], height: sides[0], width: sides[1])
      let box = PixelBox(top: sides[2], left: sides[3], height: sides[4], width: sides[5])
      #expect(view == .crop(box, isMirrored: sides[6] == 1), "row \(row)")
    }
  }

  @Test func cutsResizesAndMirrorsToTheBitAsTorchvisionDoes() throws {
    let names = reference.keys.filter { $0.hasPrefix("crop/") }
    #expect(names.count == 39)
    for name in names {
      let parts = name.dropFirst(5).split(separator: "-")
      let (sides, box) = (numbers(parts[0]), numbers(parts[3]))
      let crop = try #require(Int(parts[4]))
      let view = ImageView.crop(
        PixelBox(
          top: try #require(Int(parts[1])), left: try #require(Int(parts[2])), height: box[0], width: box[1]),
        isMirrored: parts.last == "mirrored")
      let preprocessing = try Preprocessing(
        resize: PixelSize(side: 1), crop: PixelSize(side: crop),
        interpolation: try #require(.init(rawValue: String(parts[5]))))
      let bytes = try #require(reference[name]).withBytes { Array($0) }
      let input = apply(preprocessing, to: pattern(height: sides[0], width: sides[1]), view: view)
      #expect(input == values(of: bytes, preprocessing), "\(name)")
    }
  }

  private func numbers(_ text: Substring) -> [Int] { text.split(separator: "x").compactMap { Int($0) } }

  /// [crop, crop, 3] as the model's input.
  private func values(of bytes: [UInt8], _ preprocessing: Preprocessing) -> [Float] {
    let count = preprocessing.crop.pixelCount
    return (0..<3 * count).map { index in
      let (channel, pixel) = index.quotientAndRemainder(dividingBy: count)
      return (Float(bytes[pixel * 3 + channel]) / 255 - preprocessing.mean[channel])
        / preprocessing.standardDeviation[channel]
    }
  }

  @Test func boxesHaveTheReferencesDistribution() throws {
    let side = 10_000
    let count = 20_000
    let augmentation = try Augmentation(.linprobe, viewCount: 2, seed: 4)
    var (areas, tops, lefts, ratios) = (0.0, 0.0, 0.0, 0.0)
    var mirrored = 0
    for index in 0..<count {
      guard
        case .crop(let box, let isMirrored) = augmentation.view(
          1, ofImage: UInt64(index), height: side, width: side)
      else {
        Issue.record("view 1 is the centre crop")
        return
      }
      let area = Double(box.height * box.width) / Double(side * side)
      #expect(area > 0.0799 && area <= 1)
      #expect(Double(box.width) / Double(box.height) < 1.3335)
      #expect(Double(box.height) / Double(box.width) < 1.3335)
      areas += area
      ratios += log(Double(box.width) / Double(box.height))
      tops += box.height == side ? 0.5 : Double(box.top) / Double(side - box.height)
      lefts += box.width == side ? 0.5 : Double(box.left) / Double(side - box.width)
      mirrored += isMirrored ? 1 : 0
    }
    // The mean area, with what leaves the image cut off, is the integral over s in 0 ... log(4/3), with r = exp(s), of
    // ((1 / r^2 - 0.08^2) / 2 + 2/3 (1 - r^-1.5) r^-0.5) / 0.92; everywhere five standard errors.
    #expect(abs(areas / Double(count) - 0.5337) < 0.0091)
    #expect(abs(ratios / Double(count)) < 0.0059)
    #expect(abs(tops / Double(count) - 0.5) < 0.0103)
    #expect(abs(lefts / Double(count) - 0.5) < 0.0103)
    #expect(abs(Double(mirrored) / Double(count) - 0.5) < 0.0177)
  }

  @Test(arguments: [(1, 1), (1, 2), (2, 1), (1, 400), (400, 1), (2, 3), (5, 1000), (3, 3), (40, 30)])
  func boxesLieInsideTheImage(height: Int, width: Int) throws {
    let augmentation = try Augmentation(.linprobe, viewCount: 500)
    var (reachesTop, reachesBottom) = (false, false)
    for view in 0..<500 {
      guard case .crop(let box, _) = augmentation.view(view, ofImage: 3, height: height, width: width) else {
        Issue.record("view \(view) is the centre crop")
        return
      }
      #expect(box.height >= 1 && box.width >= 1 && box.top >= 0 && box.left >= 0)
      #expect(box.top + box.height <= height && box.left + box.width <= width)
      if box.top == 0 { reachesTop = true }
      if box.top + box.height == height { reachesBottom = true }
    }
    #expect(reachesTop && (reachesBottom || height > 50))
  }

  @Test(arguments: [(1, 1), (1, 90), (90, 1), (2, 700), (700, 2)])
  func viewsOfTinyImagesAreInputs(height: Int, width: Int) throws {
    let image = pattern(height: height, width: width)
    let augmentation = try Augmentation(.linprobe, viewCount: 20)
    let preprocessing = try Preprocessing(inputSize: PixelSize(side: 32))
    let least = values(of: [UInt8](repeating: 0, count: preprocessing.valueCount), preprocessing)[0]
    for view in 0..<20 {
      let view = augmentation.view(view, ofImage: 0, height: height, width: width)
      // Unlike a centre crop, nothing but pixels of the image fills the input.
      #expect(apply(preprocessing, to: image, view: view).allSatisfy { $0.isFinite && $0 >= least })
    }
  }

  @Test func viewsDependOnSeedImageAndNumberOnly() throws {
    let augmentation = try Augmentation(.linprobe, viewCount: 3, seed: 8)
    let withCenter = try Augmentation(.linprobe, viewCount: 5, seed: 8, hasCenterView: true)
    let otherSeed = try Augmentation(.linprobe, viewCount: 3, seed: 9)
    var seen: [ImageView] = []
    for image in 0..<20 as Range<UInt64> {
      for index in 0..<3 {
        let view = augmentation.view(index, ofImage: image, height: 375, width: 500)
        #expect(view == augmentation.view(index, ofImage: image, height: 375, width: 500))
        #expect(view != otherSeed.view(index, ofImage: image, height: 375, width: 500))
        #expect(!seen.contains(view))
        seen.append(view)
        let beside = withCenter.view(index, ofImage: image, height: 375, width: 500)
        #expect(beside == (index == 0 ? .center : view))
      }
    }
    #expect(Augmentation.none.view(0, ofImage: 4, height: 5, width: 6) == .center)
  }

  @Test func refusesViewsThatCannotBeMade() throws {
    func reason(
      _ name: Augmentation.Name, _ viewCount: Int, hasCenterView: Bool = false
    ) -> String? {
      do {
        _ = try Augmentation(name, viewCount: viewCount, hasCenterView: hasCenterView)
        return nil
      } catch {
        return error.reason
      }
    }
    #expect(reason(.linprobe, 0) == "an image cannot have 0 of them, only 1 to 65536")
    #expect(reason(.linprobe, 65_537) == "an image cannot have 65537 of them, only 1 to 65536")
    #expect(reason(.none, 2) == "without augmentation an image has one view, the centre crop")
    #expect(reason(.none, 1, hasCenterView: true) != nil)
    #expect(reason(.linprobe, 1, hasCenterView: true) == nil)
    #expect(try Augmentation(.none, viewCount: 1, seed: 7) == .none)
  }
}
