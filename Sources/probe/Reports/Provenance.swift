import Files
import Training

/// Where the heads of one encoder are from.
struct Provenance {
  let entries: [Leaderboard.Entry]

  /// - Parameter entries: of one encoder, at least one.
  init(_ entries: [Leaderboard.Entry]) { self.entries = entries }

  var lines: [(name: String, value: String)] {
    let summary = entries[0].summary
    let settings = summary.encoderSettings
    let checkpoint = [settings?.checkpoint.fileName, "SHA-256 \(summary.checkpointSHA256)"]
    let tokens = settings.map {
      "block \($0.block), \($0.precision.compute.rawValue), images \($0.preprocessing.text)"
    }
    return [
      ("encoder", entries[0].encoder),
      ("checkpoint", checkpoint.compactMap { $0 }.joined(separator: ", ")),
      ("tokens", tokens ?? "not recorded"),
      ("training images", several { text($0.train) }),
      ("validation images", several { text($0.validation) }),
      ("features beside them", several(beside)),
      ("attention from", several(attention)),
      ("labels", several { $0.validation.labelFile }),
      ("epochs, batch size", several { "\($0.configuration.epochs), \($0.configuration.batchSize)" }),
      ("matrix products (--amp)", several { $0.configuration.products.rawValue }),
      ("trained by", several { "PatchBank \($0.programVersion)" }),
    ].filter { !$0.value.isEmpty }
  }

  /// What the heads have of something, each once.
  private func several(_ value: (RunSummary) -> String?) -> String {
    entries.compactMap { value($0.summary) }.reduce(into: [String]()) {
      if !$0.contains($1) { $0.append($1) }
    }.joined(separator: "; ")
  }

  private func text(_ cache: RunSummary.Cache) -> String {
    "\(cache.images) of \(Folder.lastPart(cache.path)) (manifest SHA-256 \(cache.manifestSHA256))"
  }

  private func beside(_ summary: RunSummary) -> String? {
    guard let encoder = summary.layout.beside?.encoder, let caches = summary.validation.besideCaches else {
      return nil
    }
    return "\(encoder.checkpoint.fileName), SHA-256 \(encoder.checkpoint.sha256), of "
      + caches.map(Folder.lastPart).joined(separator: ", ")
  }

  private func attention(_ summary: RunSummary) -> String? {
    guard let other = summary.configuration.data.attention, let caches = summary.validation.attentionCaches
    else { return nil }
    return "SHA-256 \(other.checkpointSHA256), of " + caches.map(Folder.lastPart).joined(separator: ", ")
  }
}
