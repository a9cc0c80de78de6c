import ArgumentParser
import Files
import Reporting
import TokenStore

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Shows what is in a cache and how it was made.")

  @Argument(help: "Cache.")
  var cache: String

  @Flag(help: "Print the manifest as JSON.")
  var json = false

  func run() throws {
    let manifest = try CacheManifest.read(cache)
    if json {
      print(try manifest.encoded(), terminator: "")
      return
    }
    for (name, value) in CacheDescription.lines(manifest) {
      print(name.padded(to: 18) + value)
    }
    guard manifest.state == .complete else { return }
    try printUndecodable(manifest)
  }

  private func printUndecodable(_ manifest: CacheManifest) throws {
    guard manifest.undecodableRowCount > 0 else { return }
    let rows = try TokenCache(cache)
    var names: [String] = []
    for row in 0..<rows.rowCount where rows.rowStates[row] == .undecodable && names.last != rows.id(row: row)
    {
      names.append(rows.id(row: row))
    }
    for (index, name) in names.enumerated() {
      print((index == 0 ? "undecodable" : "").padded(to: 18) + name)
    }
  }
}

/// A cache in a few lines.
private enum CacheDescription {
  static func lines(_ manifest: CacheManifest) -> [(name: String, value: String)] {
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
      ("shards", "\(manifest.shards.count) of \(manifest.plannedShardCount), \(ByteText.text(bytes))"),
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

extension String {
  fileprivate func padded(to length: Int) -> String {
    self + String(repeating: " ", count: max(1, length - count))
  }
}
