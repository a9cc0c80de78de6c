import Checkpoints
import Files
import TestSupport
import Testing

/// Files of other kinds, which people do give as checkpoints.
@Suite struct CheckpointFormatTests {
  private func error(_ bytes: [UInt8]) throws -> InputError {
    let folder = try TemporaryFolder()
    let path = try folder.write(bytes, to: "model.pth")
    return try #require(throws: InputError.self) { try CheckpointLoader.load(CheckpointRequest(path: path)) }
  }

  @Test(arguments: [
    ("", "is empty"),
    ("version https://git-lfs.github.com/spec/v1\noid sha256:00", "is a Git LFS pointer"),
    ("\n<!DOCTYPE html><html>", "is a web page"),
    ("<HTML><head>", "is a web page"),
    ("{\"metadata\": {}}", "is no index of a split checkpoint: it has no weight_map"),
    ("{\"model_type\": \"vit\"}", "is no index of a split checkpoint: it has no weight_map"),
    ("x", "is no checkpoint"),
    ("PK\u{5}\u{6}" + String(repeating: "\0", count: 18), "is an empty zip file"),
    ("PK\u{3}\u{4}", "zip file without its directory"),
  ])
  func otherTextsAreNamed(_ text: String, _ reason: String) throws {
    #expect(try error(Array(text.utf8)).reason.contains(reason))
  }

  @Test(arguments: [
    (
      [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E],
      "the pickle is cut short (byte 0 of the pickle of the version)"
    ),
    ([0x80, 4, 0x4E, 0x2E], "bare pickle"), ([0x1F, 0x8B, 8], "compressed with gzip"),
    ([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A], "HDF5"),
    ([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1], "NumPy"),
    ([UInt8](repeating: 0, count: 257) + Array("ustar\0".utf8), "tar archive"),
    ([UInt8](repeating: 0, count: 1000), "is no checkpoint"),
    ([255, 255, 255, 255, 0, 0, 0, 0] + Array("{\"a\"".utf8), "is no safetensors file"),
  ])
  func otherFormatsAreNamed(_ bytes: [UInt8], _ reason: String) throws {
    #expect(try error(bytes).reason.contains(reason))
  }

  @Test func aMissingFileAndAFolderAreNamed() throws {
    let folder = try TemporaryFolder()
    for path in [folder.file("missing.pth"), folder.path] {
      let error = try #require(throws: InputError.self) {
        try CheckpointLoader.load(CheckpointRequest(path: path))
      }
      #expect(error.subject == path)
    }
  }
}
