import Files
import Heads
import Reading
import Reporting
import Training

/// What the page of a folder of pictures says.
struct MapPage {
  let summary: RunSummary
  let caches: CacheSet
  let companions: CompanionCaches
  let options: MapOptions
  /// The head's weights in one of the images; nil where it has none.
  let sample: TokenWeights?
  /// Of the images; nil where none were looked for.
  let missingCount: Int?
  let programVersion: String

  private var name: String { summary.configuration.head.name }
  private var tiles: MapTiles { MapTiles(layout: caches.layout) }

  /// - Parameters:
  ///   - sections: each with the paths of its contact sheets.
  ///   - cards: by image.
  func report(
    _ sections: some Sequence<(MapSection, [String])>, _ cards: [Int: MapCard]
  ) -> HTMLReport {
    var report = HTMLReport(title: "Where the head looks: \(name)", images: .beside)
    report.append(paragraph: explanation)
    report.append(colourScaleFrom: "0", to: "the greatest value of each map")
    report.append(paragraph: notes.joined(separator: " "))
    let tiles = tiles
    for (section, sheets) in sections {
      report.append(heading: section.title)
      report.append(paragraph: StyledText([.plain("\(section.explanation) ")] + links(to: sheets)))
      report.append(
        Gallery(.spacious, count: section.images.count) { tiles.card(cards[section.images[$0]]!) })
    }
    report.append(heading: "How it was made")
    report.append(provenance: provenance)
    return report
  }

  private func links(to sheets: [String]) -> [StyledText.Run] {
    let name = sheets.count > 1 ? "Contact sheets" : "Contact sheet"
    return sheets.enumerated().flatMap { index, sheet -> [StyledText.Run] in
      [
        .plain(index == 0 ? "\(name): " : ", "),
        .link("\(sheet.split(separator: "/").last!)", to: PageFile(sheet)),
      ]
    }
  }

  private var explanation: String {
    guard let sample else {
      return
        "This head takes \(name): no token weighs more than another in its features, so that it looks nowhere in "
        + "particular. Shown is what the encoder's own [cls] attends to in its last block, the mean over heads."
    }
    let meaning =
      switch sample.kind {
      case .attention:
        "what each patch weighs in the head's features. What all tokens weigh adds up to 1: were they all alike, each "
          + "of the \(weighedCount(sample)) would weigh "
          + NumberText.significant(1 / Double(weighedCount(sample)), 2)
      case .weights:
        "what each patch weighs in the features, which follows from the image without anything trained"
      case .scores:
        "the positive score that each patch's token of length 1 is multiplied with, over the number of tokens"
      case .gates: "by how much, from 0 to 1, the head lets each patch pass"
      }
    let encoder =
      caches.layout.hasClassToken
      ? " Beside it: what the encoder's own [cls] attends to in its last block, the mean over heads." : ""
    return "A map shows \(meaning).\(encoder)"
  }

  /// How many tokens share the weight of 1, that of the head's own among them.
  private func weighedCount(_ sample: TokenWeights) -> Int {
    summary.configuration.head.seenTokenCount(caches.layout) + (sample.ownToken == nil ? 0 : 1)
  }

  private var notes: [String] {
    var notes = ["Below each map stand its smallest and its greatest value."]
    if let prefixName = tiles.prefixName {
      notes.append("Of \(prefixName), without a place in the image, the share is told where there is one.")
    }
    switch missingCount {
    case nil: notes.append("Images were not looked for (--data-path): maps are drawn alone.")
    case 0: notes.append("Maps lie on the pixels that the encoder saw; what it did not see is pale.")
    case let count?:
      notes.append(
        "Maps lie on the pixels that the encoder saw; what it did not see is pale. \(count) images were not "
          + "found: their maps are drawn alone.")
    }
    switch options.interpolation {
    case .nearest: notes.append("Each patch has one colour.")
    case .bilinear: notes.append("Between the centres of patches values change evenly.")
    }
    return notes
  }

  private var provenance: [(name: String, value: String)] {
    func other(_ name: String, _ caches: CacheSet?) -> [(name: String, value: String)] {
      guard let caches else { return [] }
      let checkpoint = caches.encoder.checkpoint
      return [(name, "\(caches.name), \(checkpoint.fileName), SHA-256 \(checkpoint.sha256)")]
    }
    return [
      ("Head", "\(name), \(summary.parameterCount) parameters, block \(caches.block)"),
      ("Encoder", "\(summary.encoder), checkpoint SHA-256 \(summary.checkpointSHA256)"),
      ("Images", "\(caches.name), \(caches.encoder.preprocessing.text)"),
    ] + other("Attention from", companions.attention) + other("Features beside", companions.beside)
      + [("Program", "PatchBank \(programVersion)")]
  }
}
