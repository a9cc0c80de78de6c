import Reporting
import TokenStore

/// A cache in a few lines.
package enum CacheDescription {
  package static func lines(_ manifest: CacheManifest) -> [(name: String, value: String)] {
    let configuration = manifest.configuration
    let (model, preprocessing) = (configuration.model, configuration.preprocessing)
    let stored = manifest.shards.reduce(0) { $0 + $1.rowCount }
    let bytes = manifest.shards.reduce(0) { $0 + $1.byteCount }
    let state =
      manifest.state == .complete
      ? "complete"
      : "\(stored) of \(manifest.rowCount) rows in finished shards; run extract tokens again to go on"
    return [
      ("state", state),
      (
        "images",
        "\(configuration.dataset.imageCount), \(manifest.undecodableRowCount) undecodable"
          + (configuration.augmentation.views > 1 ? " views" : "")
      ),
      ("views", views(configuration.augmentation)),
      ("classes", classes(configuration.dataset.classNames)),
      ("split", configuration.dataset.split ?? "none"),
      ("shards", "\(manifest.shards.count) of \(manifest.plannedShardCount), \(NumberText.bytes(bytes))"),
      (
        "tokens",
        (configuration.blocks.isEmpty
          ? "not stored; "
          : "\(model.tokenCount) x \(model.width) \(configuration.precision.tokens.rawValue) ")
          + "an image: \(model.prefixTokenCount) prefix, \(model.gridHeight) x \(model.gridWidth) patches"
      ),
      (
        "blocks",
        configuration.storedBlocksText + (configuration.blocks.isEmpty ? "" : ", before the final norm")
      ),
      (
        "model",
        "\(model.name): depth \(model.depth), \(model.headCount) heads, MLP \(model.mlpWidth), "
          + "patch \(model.patchHeight) x \(model.patchWidth), \(model.activation), "
          + "layer norm epsilon \(model.layerNormEpsilon)"
      ),
      (
        "checkpoint",
        "\(configuration.checkpoint.fileName) (\(configuration.checkpoint.dialect)"
          + (configuration.checkpoint.key.map { ", key \($0)" } ?? "") + ")"
      ),
      ("from", configuration.checkpoint.source ?? "a path"),
      ("SHA-256", configuration.checkpoint.sha256),
      (
        "preprocessing",
        "\(preprocessing.text), mean \(preprocessing.mean), std \(preprocessing.std)"
      ),
      ("computed in", configuration.precision.compute.rawValue),
      ("made by", "PatchBank \(configuration.programVersion)"),
    ]
  }

  private static func views(_ augmentation: CacheConfiguration.Augmentation) -> String {
    guard augmentation.name != "none" else { return "1 an image, the centre crop" }
    let first = augmentation.hasCenterView ? ", view 0 the centre crop" : ""
    return "\(augmentation.views) an image: \(augmentation.name), seed \(augmentation.seed)\(first)"
  }

  private static func classes(_ names: [String]) -> String {
    let shown = names.prefix(8).joined(separator: ", ")
    return names.isEmpty ? "none" : "\(names.count): \(shown)\(names.count > 8 ? ", ..." : "")"
  }
}
