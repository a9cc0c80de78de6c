/// A Vision Transformer of a published size, by the names that the field uses: `vit_base_patch16` (MAE and "Beyond
/// [cls]"), `vit_base_patch16_224.mae` (timm), `deit_small_patch16_224`, `mae_vit_large_patch16`.
struct NamedModel: Equatable {
  let name: String
  let width: Int
  let depth: Int
  let headCount: Int
  /// The side of a patch, in pixels.
  let patchSide: Int
  /// The side of the input image, in pixels, where the name has it.
  let inputSide: Int?

  /// Four times the width in all of them.
  var mlpWidth: Int { 4 * width }

  /// The names without patch and input sizes other than the published ones.
  static let published = [
    "vit_tiny_patch16", "vit_small_patch16", "vit_base_patch16", "vit_large_patch16", "vit_huge_patch14",
  ].compactMap(NamedModel.init)

  private static let sizes: [Substring: (width: Int, depth: Int, headCount: Int)] = [
    "tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12), "large": (1024, 24, 16),
    "huge": (1280, 32, 16),
  ]

  /// Nil for any name with more in it than family, size, patch and input, such as a variant of the architecture.
  init?(_ name: String) {
    var base = name.prefix { $0 != "." }
    if base.hasPrefix("mae_") { base = base.dropFirst(4) }
    let parts = base.split(separator: "_", omittingEmptySubsequences: false)
    guard parts.count == 3 || parts.count == 4, ["vit", "deit", "deit3"].contains(parts[0]),
      let size = Self.sizes[parts[1]], parts[2].hasPrefix("patch"),
      let patchSide = Int(parts[2].dropFirst(5)), 1...1024 ~= patchSide
    else { return nil }
    if parts.count == 4 {
      guard let side = Int(parts[3]), 1...65536 ~= side else { return nil }
      inputSide = side
    } else {
      inputSide = nil
    }
    self.name = name
    (width, depth, headCount) = size
    self.patchSide = patchSide
  }
}
