import Compute
import Files
import Foundation
import TestSupport
import Tensors
import Testing

@Suite struct SafetensorsTests {
  /// Written by the safetensors library (tools/reference/tensors.py).
  let reference = Fixtures.path("tensors/every-type.safetensors")

  @Test func readsWhatTheReferenceImplementationWrites() throws {
    let file = try Safetensors.read(reference)
    #expect(file.metadata == ["format": "pt"])
    #expect(file.tensors.count == 13)
    for type in [ElementType.float64, .float32, .float16, .bfloat16] {
      let tensor = try #require(file.tensors["\(type).values"])
      #expect(tensor.elementType == type)
      #expect(tensor.shape == [2, 3])
      #expect(tensor.floats() == [-2, -1, 0, 1, 2, 3])
    }
    #expect(try integers(file, "int64", Int64.self) == [-2, -1, 0, 1, 2, 3])
    #expect(try integers(file, "int32", Int32.self) == [-2, -1, 0, 1, 2, 3])
    #expect(try integers(file, "int16", Int16.self) == [-2, -1, 0, 1, 2, 3])
    #expect(try integers(file, "int8", Int8.self) == [-2, -1, 0, 1, 2, 3])
    #expect(try integers(file, "uint8", UInt8.self) == [0, 1, 2, 3, 4, 5])
    #expect(try integers(file, "bool", UInt8.self) == [1, 1, 0, 1, 1, 1])
    #expect(try #require(file.tensors["scalar"]).shape == [])
    #expect(try #require(file.tensors["scalar"]).floats() == [0.5])
    #expect(try #require(file.tensors["empty"]).shape == [3, 0])
    #expect(try #require(file.tensors["a \"quoted\" näme\n"]).floats() == [1.5])
  }

  private func integers<Integer: FixedWidthInteger>(
    _ file: Safetensors.File, _ name: String, _: Integer.Type
  ) throws -> [Integer] {
    try #require(file.tensors["\(name).values"]).withBytes { bytes in
      (0..<6).map { bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Integer>.size, as: Integer.self) }
    }
  }

  /// Two writers that agree on every byte agree on what every reader of one makes of the other.
  @Test func writesTheBytesOfTheReferenceImplementation() throws {
    let folder = try TemporaryFolder()
    let file = try Safetensors.read(reference)
    try Safetensors.write(file.tensors, metadata: file.metadata, to: folder.file("copy.safetensors"))
    #expect(try bytes(ofFile: folder.file("copy.safetensors")) == bytes(ofFile: reference))
  }

  @Test func tensorsOutliveTheFileObjectAndItsName() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.safetensors")
    try Safetensors.write(["a": Tensor([1, 2, 3], shape: [3])], to: path)
    let tensor = try #require(try Safetensors.read(path).tensors["a"])
    try FileManager.default.removeItem(atPath: path)
    #expect(tensor.floats() == [1, 2, 3])
  }

  @Test func aFileMayHoldNoTensors() throws {
    let folder = try TemporaryFolder()
    try Safetensors.write([:], to: folder.file("none.safetensors"))
    let file = try Safetensors.read(folder.file("none.safetensors"))
    #expect(file.tensors.isEmpty)
    #expect(file.metadata.isEmpty)
  }

  @Test func metadataSurvivesAnyText() throws {
    let folder = try TemporaryFolder()
    let metadata = ["quote \" and \\": "line\nbreak\u{1}\u{7F}", "emoji": "🦊", "": ""]
    try Safetensors.write([:], metadata: metadata, to: folder.file("text.safetensors"))
    #expect(try Safetensors.read(folder.file("text.safetensors")).metadata == metadata)
  }

  @Test func aFailedWriteLeavesTheOldFile() throws {
    let folder = try TemporaryFolder()
    #expect(throws: InputError.self) {
      try Safetensors.write([:], to: folder.file("missing/a.safetensors"))
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }
}
