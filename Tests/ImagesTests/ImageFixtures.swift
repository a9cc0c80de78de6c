import Files
import Images
import Tensors
import TestSupport
import Testing

/// Image files and what Pillow makes of them, as tools/reference/images.py wrote them.
struct ImageFixtures {
  private let tensors: [String: Tensor]

  init() throws {
    tensors = try Safetensors.read(Fixtures.path("images/decoding.safetensors")).tensors
  }

  /// Names such as "rgb-420.jpg".
  var names: [String] {
    tensors.keys.filter { $0.hasPrefix("file/") }.map { String($0.dropFirst(5)) }.sorted()
  }

  func contents(_ name: String) throws -> [UInt8] { try bytes("file/" + name) }

  func image(_ name: String) throws -> RGBImage {
    let tensor = try #require(tensors["rgb/" + name])
    return RGBImage(height: tensor.shape[0], width: tensor.shape[1], pixels: try bytes("rgb/" + name))
  }

  /// Whether Pillow decodes the file's first 0, 1, 2, ... bytes.
  func whole(_ name: String) throws -> [Bool] { try bytes("whole/" + name).map { $0 == 1 } }

  private func bytes(_ name: String) throws -> [UInt8] { try #require(tensors[name]).withBytes { Array($0) } }
}

/// Decodes an array of bytes.
func decode(_ contents: [UInt8]) throws(InputError) -> RGBImage {
  let result = contents.withUnsafeBytes { bytes in
    Result { () throws(InputError) in try ImageDecoder.decode(bytes, subject: "image") }
  }
  return try result.get()
}

/// The error that decoding ends with.
func decodingError(_ contents: [UInt8]) -> InputError? {
  do {
    _ = try decode(contents)
    return nil
  } catch {
    return error
  }
}
