import Checkpoints
import Compute
import Files
import Foundation
import TestSupport
import Tensors
import Testing
import VisionTransformer

/// What is written for timm. tools/check-convert has timm itself load it.
@Suite struct ConversionTests {
  private func tokens(_ loaded: LoadedCheckpoint, _ pixels: SharedBuffer<Float>) throws -> [Float] {
    let encoder = try Encoder(configuration: loaded.configuration, weights: loaded.weights)
    let workspace = encoder.makeWorkspace()
    let last = loaded.configuration.depth - 1
    return encoder.encode(pixels: pixels.pointer, blocks: [last], workspace: workspace).tokens[0].array
  }

  /// Needs no options, and gives the same tokens but for the epsilons that timm's configurations cannot say.
  @Test(arguments: FamilyCase.all.filter { $0.dialect != "capi" })
  func aConvertedModelIsTheSameModel(_ family: FamilyCase) throws {
    let folder = try TemporaryFolder()
    let original = try CheckpointLoader.load(family.request)
    let converter = try CheckpointConverter(original)
    try converter.write(to: folder.file("converted"))
    let converted = try CheckpointLoader.load(CheckpointRequest(path: folder.file("converted")))
    #expect(converted.preprocessing == original.preprocessing)
    // Not that of timm's function, which makes models of other sizes.
    let sizes = original.configuration
    #expect(converted.modelName == "vit_\(sizes.width)x\(sizes.depth)_patch\(sizes.patchHeight)")
    #expect(converted.configuration.headCount == original.configuration.headCount)
    #expect(converted.configuration.imageWidth == original.configuration.imageWidth)
    let isExact = converted.configuration.layerNormEpsilon == original.configuration.layerNormEpsilon
    #expect(isExact != converter.notes.contains { $0.contains("epsilon") })
    var generator = SeededGenerator(seed: 1)
    let pixels = SharedBuffer<Float>(count: original.configuration.pixelValueCount)
    for index in 0..<pixels.count { pixels[index] = Float(generator.uniform()) - 0.5 }
    let closeness = Closeness(try tokens(converted, pixels), try tokens(original, pixels))
    #expect(closeness.relativeError < 1e-5, "\(closeness)")
  }

  @Test func whatTimmHasNoModelForIsRefused() throws {
    let path = Fixtures.path("families/capi.pth")
    let loaded = try CheckpointLoader.load(CheckpointRequest(path: path, headCount: 2))
    let error = try #require(throws: InputError.self) { try CheckpointConverter(loaded) }
    #expect(error.reason.hasPrefix("cannot be written for timm: none of its models has"))
  }

  @Test func theTypesOfWeightsStay() throws {
    let folder = try TemporaryFolder()
    let path = fixture("float16.pth")
    let loaded = try CheckpointLoader.load(CheckpointRequest(path: path, headCount: 2))
    try CheckpointConverter(loaded).write(to: folder.path)
    let written = try Safetensors.read(folder.file(CheckpointConverter.weightsName)).tensors
    #expect(written.values.allSatisfy { $0.elementType == .float16 })
  }

  @Test func anEarlierModelIsReplacedAsAWhole() throws {
    let folder = try TemporaryFolder()
    for name in ["mae.pth", "float64.pth"] {
      let loaded = try CheckpointLoader.load(CheckpointRequest(path: fixture(name), headCount: 2))
      try CheckpointConverter(loaded).write(to: folder.path)
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(names == ["config.json", "model.safetensors"])
    let loaded = try CheckpointLoader.load(CheckpointRequest(path: folder.path))
    #expect(loaded.weights["norm.bias"]?.elementType == .float64)
  }

  @Test func aFolderThatCannotBeMadeIsAnError() throws {
    let folder = try TemporaryFolder()
    try folder.write([1], to: "file")
    let loaded = try CheckpointLoader.load(CheckpointRequest(path: fixture("mae.pth"), headCount: 2))
    let converter = try CheckpointConverter(loaded)
    #expect(throws: InputError.self) { try converter.write(to: folder.file("file/folder")) }
  }
}
