/// The README.md of a cache: what it is, how it was made and how to read it, for people.
public enum DataCard {
  public static let fileName = "README.md"

  /// The card's text: it depends on the manifest only.
  public static func text(_ manifest: CacheManifest) -> String {
    [
      "# Tokens of \(manifest.configuration.model.name)",
      introduction(manifest), "## How it was made", settings(manifest.configuration), "## What is in it",
      contents(manifest), "## How to read it", example(manifest),
    ].joined(separator: "\n\n") + "\n"
  }

  private static func introduction(_ manifest: CacheManifest) -> String {
    let model = manifest.configuration.model
    let undecodable =
      manifest.undecodableRowCount == 0
      ? ""
      : " \(manifest.undecodableRowCount) of them hold zeros, as their images could not be decoded (row_state 2)."
    guard !manifest.configuration.blocks.isEmpty else {
      return """
        A PatchBank token cache without tokens: statistics of the attention of a frozen Vision Transformer in all \
        \(model.depth) blocks, and rows of it from the last one, for \(manifest.rowCount) images or views.\(undecodable)
        """
    }
    return """
      A PatchBank token cache: the outputs of a frozen Vision Transformer for \(manifest.rowCount) images or views, as \
      \(model.tokenCount) tokens of \(model.width) values each, with statistics of the attention in all \
      \(model.depth) blocks.\(undecodable)
      """
  }

  private static func settings(_ configuration: CacheConfiguration) -> String {
    let (model, preprocessing) = (configuration.model, configuration.preprocessing)
    let (dataset, augmentation) = (configuration.dataset, configuration.augmentation)
    let prefix = model.hasClassToken ? "[cls] first" : "no [cls]"
    let rows: [(String, String)] = [
      ("model", "\(model.name), \(model.depth) blocks of \(model.headCount) heads, width \(model.width)"),
      (
        "checkpoint",
        "\(configuration.checkpoint.fileName), SHA-256 `\(configuration.checkpoint.sha256)`"
          + (configuration.checkpoint.source.map { ", from `\($0)`" } ?? "")
      ),
      (
        "patches",
        "\(model.gridHeight) x \(model.gridWidth), each \(model.patchHeight) x \(model.patchWidth) pixels; "
          + "\(model.prefixTokenCount) prefix tokens (\(prefix))"
      ),
      ("blocks stored", configuration.storedBlocksText),
      (
        "final norm",
        configuration.finalNorm == nil ? "the model has none" : "not applied; its weights are in config_json"
      ),
      (
        "preprocessing", "\(preprocessing.text) pixels in the middle"
      ),
      (
        "images",
        "\(dataset.imageCount), split \(dataset.split ?? "none"), \(dataset.classNames.count) classes"
      ),
      (
        "views of an image",
        "\(augmentation.views), augmentation \(augmentation.name), seed \(augmentation.seed)"
          + (augmentation.hasCenterView ? ", view 0 the centre crop" : "")
      ),
      (
        "precision",
        "computed in \(configuration.precision.compute)"
          + (configuration.blocks.isEmpty ? "" : ", stored as \(configuration.precision.tokens)")
      ),
      ("program", "PatchBank \(configuration.programVersion)"),
    ]
    return table(("setting", "value"), rows)
  }

  private static func contents(_ manifest: CacheManifest) -> String {
    let files = [
      ("`manifest.json`", "settings, and every shard's size, SHA-256 and offsets"),
      ("`shard-NNNNN.h5`", "\(manifest.shards.count) HDF5 files of up to \(manifest.shardSize) rows"),
      ("`attention-stats.json`", "the statistics of each block, averaged over all rows"),
    ]
    return table(("file", "holds"), files)
  }

  private static func example(_ manifest: CacheManifest) -> String {
    let configuration = manifest.configuration
    let name = configuration.blocks.isEmpty ? RowLayout.attentionStatistics : RowLayout.tokens
    let value =
      configuration.precision.channelScales == nil || configuration.blocks.isEmpty
      ? "shard[\"\(name)\"][:]"
      : """
      (shard["tokens"][:] * shard["tokens_scale"][:][..., None]
                    * shard["tokens"].attrs["channel_scale"])
      """
    return """
      ```python
      import h5py
      with h5py.File("\(CacheManifest.shardName(0))") as shard:
          \(name) = \(value)
          labels = shard["labels"][:]
      ```
      """
  }

  private static func table(_ head: (String, String), _ rows: [(String, String)]) -> String {
    (["| \(head.0) | \(head.1) |", "|---|---|"] + rows.map { "| \($0.0) | \(escaped($0.1)) |" })
      .joined(separator: "\n")
  }

  /// Names come from files of any kind: none may end the row or begin another.
  private static func escaped(_ text: String) -> String {
    String(text.map { $0.isNewline ? " " : $0 }).replacing("|", with: "\\|")
  }
}
