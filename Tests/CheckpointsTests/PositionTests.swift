import Checkpoints
import TestSupport
import Tensors
import Testing
import VisionTransformer

/// Positions on other grids than the trained one, as each family's own code resizes them.
@Suite struct PositionTests {
  /// A grid, in patches.
  struct Grid: Sendable, CustomTestStringConvertible {
    let rows: Int
    let columns: Int
    var testDescription: String { "\(rows)x\(columns)" }
  }

  private static let grids = [(2, 2), (3, 5), (7, 7), (9, 4)].map { Grid(rows: $0.0, columns: $0.1) }

  private func load(_ file: String, _ grid: Grid) throws -> LoadedCheckpoint {
    let path = Fixtures.path("families/\(file)")
    let patch = try CheckpointLoader.load(CheckpointRequest(path: path, headCount: 2)).configuration
    let size = InputSize(height: grid.rows * patch.patchHeight, width: grid.columns * patch.patchWidth)
    return try CheckpointLoader.load(CheckpointRequest(path: path, inputSize: size, headCount: 2))
  }

  private func expectLikePyTorch(_ actual: Tensor?, _ name: String, _ grid: Grid) throws {
    let actual = try #require(actual)
    let file = try Safetensors.read(fixture("positions.safetensors"))
    let expected = try #require(file.tensors["\(name).\(grid.rows)x\(grid.columns)"])
    #expect(actual.shape == expected.shape)
    let closeness = Closeness(actual.floats(), expected.floats())
    #expect(closeness.maximumDifference < 1e-5, "\(closeness)")
  }

  @Test(
    arguments: [
      ("dinov2.pth", "with DINO's offset"), ("dinov2_registers.pth", "bicubically with antialiasing"),
      ("transformers_siglip2", "bilinearly with antialiasing"),
    ], grids)
  func anEmbeddingIsResizedAsTheFamilyDoes(_ family: (file: String, how: String), _ grid: Grid) throws {
    let loaded = try load(family.file, grid)
    let name = String(family.file.prefix { $0 != "." })
    try expectLikePyTorch(loaded.weights["pos_embed"], name, grid)
    #expect(loaded.report.notes.contains { $0.hasSuffix(family.how) || $0.contains(family.how) })
    _ = try Encoder(configuration: loaded.configuration, weights: loaded.weights)
  }

  @Test(arguments: grids)
  func tablesOfRelativePositionsAreResizedAsBEiTDoes(_ grid: Grid) throws {
    let loaded = try load("beit_pretraining.pth", grid)
    try expectLikePyTorch(
      loaded.weights["rel_pos_bias.relative_position_bias_table"], "beit_pretraining", grid)
    _ = try Encoder(configuration: loaded.configuration, weights: loaded.weights)
  }

  /// Their angles are computed for every grid.
  @Test(arguments: ["dinov3.pth", "capi.pth", "aimv2_native"], grids)
  func rotaryAndComputedPositionsNeedNoResizing(file: String, grid: Grid) throws {
    let loaded = try load(file, grid)
    #expect(loaded.configuration.gridHeight == grid.rows && loaded.configuration.gridWidth == grid.columns)
    #expect(!loaded.report.notes.contains { $0.contains("resized") })
    _ = try Encoder(configuration: loaded.configuration, weights: loaded.weights)
  }
}
