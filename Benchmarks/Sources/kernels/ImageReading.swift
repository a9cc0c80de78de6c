import CImageCodecs
import Compute
import Files
import Foundation
import Images

/// From a JPEG's bytes to an encoder's input, on one thread. Decoding is libjpeg's, and so what the rest is compared
/// with.
enum ImageReading {
  static func measure(_ stopwatch: Stopwatch, file: String?, _ report: inout Report) throws {
    let bytes = try file.map { Array(try Data(contentsOf: URL(fileURLWithPath: $0))) } ?? syntheticJPEG()
    let preprocessor = Preprocessor(try Preprocessing(inputSize: PixelSize(side: Base.side)))
    let input = SharedBuffer<Float>(count: preprocessor.preprocessing.valueCount)
    let image = try decode(bytes)
    // The same bytes have been decoded before, and are again.
    let decoding = stopwatch.rate(of: 1) { _ = try! decode(bytes) }
    let both = stopwatch.rate(of: 1) { preprocessor.apply(try! decode(bytes), into: input.pointer) }
    let size = "\(image.width) x \(image.height)"
    report.add("JPEG, \(size), decode", decoding, .images)
    report.add("JPEG, \(size), decode, resize and normalise", both, .images, of: ("decode alone", decoding))
  }

  private static func decode(_ bytes: [UInt8]) throws -> RGBImage {
    try bytes.withUnsafeBytes { try ImageDecoder.decode($0, subject: "the image") }
  }

  private static func syntheticJPEG() throws -> [UInt8] {
    let (height, width) = (375, 500)
    let channels = (0..<3).map { octaves(height: height, width: width, seed: UInt64($0)) }
    var pixels = [UInt8](repeating: 0, count: 3 * height * width)
    for index in pixels.indices {
      // Mostly grey, as photographs are.
      let value = 0.75 * channels[0][index / 3] + 0.25 * channels[index % 3][index / 3]
      pixels[index] = UInt8(min(255, max(0, 128 + 40 * value)))
    }
    var encoded: UnsafeMutablePointer<UInt8>?
    var count = 0
    var message = [CChar](repeating: 0, count: 256)
    guard pb_jpeg_encode_rgb(pixels, Int32(width), Int32(height), 85, &encoded, &count, &message) == 0,
      let encoded
    else { throw InputError("libjpeg", "cannot encode the synthetic image") }
    defer { free(encoded) }
    return Array(UnsafeBufferPointer(start: encoded, count: count))
  }

  /// Noise whose amplitude falls with its frequency, `[height, width]`, of about unit deviation.
  private static func octaves(height: Int, width: Int, seed: UInt64) -> [Double] {
    var generator = SeededGenerator(seed: seed)
    var values = [Double](repeating: 0, count: height * width)
    for cell in [128, 64, 32, 16, 8, 4, 2, 1] {
      let columns = width / cell + 2
      let lattice = (0..<(height / cell + 2) * columns).map { _ in generator.normal() }
      let amplitude = Double(cell).squareRoot() / 12
      for row in 0..<height {
        for column in 0..<width {
          let (i, j) = (row / cell, column / cell)
          let (u, v) = (Double(row % cell) / Double(cell), Double(column % cell) / Double(cell))
          let corner = lattice[i * columns + j] * (1 - v) + lattice[i * columns + j + 1] * v
          let below = lattice[(i + 1) * columns + j] * (1 - v) + lattice[(i + 1) * columns + j + 1] * v
          values[row * width + column] += amplitude * (corner * (1 - u) + below * u)
        }
      }
    }
    return values
  }
}
