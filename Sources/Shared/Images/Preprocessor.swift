import CKernels
import Compute

/// Applies a ``Preprocessing`` to one image after the other, in memory that it keeps: one a thread.
public final class Preprocessor {
  public let preprocessing: Preprocessing
  /// [3, 256]: the input value of every byte, for red, green and blue.
  private let values: SharedBuffer<Float>
  /// The image after the first of two passes, one along each side.
  private var halfway = SharedBuffer<UInt8>(count: 0)
  private var scratch = SharedBuffer<UInt8>(count: 0)
  /// What the crop keeps of the resized image.
  private let resized: SharedBuffer<UInt8>

  public init(_ preprocessing: Preprocessing) {
    self.preprocessing = preprocessing
    resized = SharedBuffer(count: preprocessing.valueCount)
    values = SharedBuffer(count: 3 * 256)
    for channel in 0..<3 {
      let (mean, deviation) = (preprocessing.mean[channel], preprocessing.standardDeviation[channel])
      for byte in 0..<256 { values[channel * 256 + byte] = (Float(byte) / 255 - mean) / deviation }
    }
  }

  /// Writes the model's input, [3, crop height, crop width], to the bit as Pillow 13 and torchvision make it.
  ///
  /// Only what the view keeps is computed, which is why a side of one pixel, resized to millions, is no trouble.
  public func apply(
    _ image: RGBImage, view: ImageView = .center, into input: UnsafeMutablePointer<Float>
  ) {
    switch view {
    case .center: applyCenterCrop(image, into: input)
    case .crop(let box, let isMirrored): apply(box, of: image, isMirrored: isMirrored, into: input)
    }
  }

  private func applyCenterCrop(_ image: RGBImage, into input: UnsafeMutablePointer<Float>) {
    let (height, width) = resizeForCenterCrop(image)
    if height.kept.count * width.kept.count < preprocessing.crop.pixelCount { fillWithBlack(input) }
    normalize(height: height, width: width, into: input)
  }

  private func resizeForCenterCrop(_ image: RGBImage) -> (height: CropWindow, width: CropWindow) {
    let size = preprocessing.resizedSize(of: PixelSize(height: image.height, width: image.width))
    let height = CropWindow(resizedLength: size.height, crop: preprocessing.crop.height)
    let width = CropWindow(resizedLength: size.width, crop: preprocessing.crop.width)
    let whole = PixelBox(top: 0, left: 0, height: image.height, width: image.width)
    resize(image, whole, rows: axis(image.height, height), columns: axis(image.width, width))
    return (height, width)
  }

  /// The pixels of the centre crop as they are before they become an input's numbers; of an image that is smaller than the
  /// crop, without the zeros around it.
  func resizedPixels(of image: RGBImage) -> RGBImage {
    let (height, width) = resizeForCenterCrop(image)
    let byteCount = height.kept.count * width.kept.count * 3
    return RGBImage(
      height: height.kept.count, width: width.kept.count, pixels: Array(resized.buffer[..<byteCount]))
  }

  private func apply(
    _ box: PixelBox, of image: RGBImage, isMirrored: Bool, into input: UnsafeMutablePointer<Float>
  ) {
    precondition(
      box.height > 0 && box.width > 0 && box.top >= 0 && box.left >= 0
        && box.top <= image.height - box.height && box.left <= image.width - box.width,
      "\(box) is not inside \(image.height)x\(image.width) pixels")
    let crop = preprocessing.crop
    let height = CropWindow(resizedLength: crop.height, crop: crop.height)
    let width = CropWindow(resizedLength: crop.width, crop: crop.width)
    let columns = axis(box.width, width)
    resize(image, box, rows: axis(box.height, height), columns: isMirrored ? columns.reversed : columns)
    normalize(height: height, width: width, into: input)
  }

  private func axis(_ sourceLength: Int, _ window: CropWindow) -> ResamplingAxis {
    ResamplingAxis(
      sourceLength: sourceLength, resizedLength: window.resizedLength, window: window.kept,
      interpolation: preprocessing.interpolation)
  }

  /// Fills `resized`, [rows, columns, 3], with what the axes make of a box of the image, in two passes. Each rounds to
  /// bytes, so their order shows: along the rows first, but across them first where that takes away more than twice as
  /// much. (Pillow before 13 had one order only, and makes other bytes of such tall images.)
  private func resize(_ image: RGBImage, _ box: PixelBox, rows: ResamplingAxis, columns: ResamplingAxis) {
    let (stride, width, rowCount) = (image.width * 3, columns.neighbours.count, rows.neighbours.count)
    let (top, left) = (box.top + rows.neighbours.lowerBound, box.left + columns.neighbours.lowerBound)
    image.pixels.withUnsafeBufferPointer { pixels in
      let source = pixels.baseAddress! + top * stride + left * 3
      if rows.shortening > 0 && rows.shortening > columns.shortening * 2 {
        reserve(&halfway, rows.count * width * 3)
        resampleAcrossRows(source, stride: stride, rowBytes: width * 3, rows, into: halfway.pointer)
        resampleAlongRows(
          halfway.pointer, stride: width * 3, width: width, rowCount: rows.count, columns,
          into: resized.pointer)
      } else {
        reserve(&halfway, rowCount * columns.count * 3)
        resampleAlongRows(
          source, stride: stride, width: width, rowCount: rowCount, columns, into: halfway.pointer)
        resampleAcrossRows(
          halfway.pointer, stride: columns.count * 3, rowBytes: columns.count * 3, rows,
          into: resized.pointer)
      }
    }
  }

  /// [rowCount, width, 3] to [rowCount, columns, 3].
  ///
  /// - Parameters:
  ///   - source: begins at the first neighbour of any pixel.
  ///   - stride: bytes from one row to the next.
  private func resampleAlongRows(
    _ source: UnsafePointer<UInt8>, stride: Int, width: Int, rowCount: Int, _ columns: ResamplingAxis,
    into destination: UnsafeMutablePointer<UInt8>
  ) {
    reserve(&scratch, pb_resample_scratch_bytes(width))
    columns.withTaps { taps in
      withUnsafePointer(to: taps) { taps in
        pb_resample_horizontal(source, stride, width, rowCount, taps, destination, scratch.pointer)
      }
    }
  }

  /// [..., rowBytes] to [rows, rowBytes], likewise.
  private func resampleAcrossRows(
    _ source: UnsafePointer<UInt8>, stride: Int, rowBytes: Int, _ rows: ResamplingAxis,
    into destination: UnsafeMutablePointer<UInt8>
  ) {
    rows.withTaps { taps in
      for y in 0..<taps.count {
        pb_resample_vertical(
          source + Int(taps.starts[y]) * stride, stride, rowBytes, taps.weights + y * taps.tap_stride,
          Int(taps.tap_counts[y]), destination + y * rowBytes)
      }
    }
  }

  private func reserve(_ buffer: inout SharedBuffer<UInt8>, _ count: Int) {
    if buffer.count < count { buffer = SharedBuffer(count: count) }
  }

  /// Spreads the resized image over the input's three planes.
  private func normalize(height: CropWindow, width: CropWindow, into input: UnsafeMutablePointer<Float>) {
    let (inputWidth, planeSize) = (preprocessing.crop.width, preprocessing.crop.pixelCount)
    let (count, rowBytes) = (width.kept.count, width.kept.count * 3)
    let red = values.pointer
    let (green, blue) = (red + 256, red + 512)
    for y in 0..<height.kept.count {
      var pixel = resized.pointer + y * rowBytes
      let result = input + (height.margin + y) * inputWidth + width.margin
      for x in 0..<count {
        result[x] = red[Int(pixel[0])]
        result[planeSize &+ x] = green[Int(pixel[1])]
        result[2 &* planeSize &+ x] = blue[Int(pixel[2])]
        pixel += 3
      }
    }
  }

  private func fillWithBlack(_ input: UnsafeMutablePointer<Float>) {
    let planeSize = preprocessing.crop.pixelCount
    for channel in 0..<3 {
      (input + channel * planeSize).update(repeating: values[channel * 256], count: planeSize)
    }
  }
}

/// What a centre crop keeps of one side, as torchvision's `center_crop` rounds.
struct CropWindow: Equatable {
  let resizedLength: Int
  /// The part of the resized side that is kept.
  let kept: Range<Int>
  /// How many zeros come before it, where the side is shorter than the crop.
  let margin: Int

  init(resizedLength: Int, crop: Int) {
    self.resizedLength = resizedLength
    if resizedLength < crop {
      kept = 0..<resizedLength
      margin = (crop - resizedLength) / 2
    } else {
      // Python rounds halves to even.
      let start = Int((Double(resizedLength - crop) / 2).rounded(.toNearestOrEven))
      kept = start..<start + crop
      margin = 0
    }
  }
}
