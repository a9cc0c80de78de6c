import Files
import Foundation
import Heads
import Overlays
import Reading
import Reporting
import Training

/// The page that shows the pictures of a folder: no script, no network, and nothing but the files beside it.
struct GalleryPage {
  let summary: RunSummary
  let caches: CacheSet
  let options: MapOptions
  /// The head's weights in one of the images; nil where it has none.
  let sample: TokenWeights?
  /// Of the images; nil where none were looked for.
  let missingCount: Int?
  let programVersion: String

  private var name: String { summary.configuration.head.name }

  /// - Parameters:
  ///   - sections: each with its contact sheets.
  ///   - cards: by image.
  func write(
    _ sections: some Sequence<(MapSection, [String])>, _ cards: [Int: MapCard], to path: String
  ) throws(InputError) {
    let sections = Array(sections)
    let file = try AtomicFileWriter(path)
    try file.append(head)
    let links = sections.map { section, _ in
      "<a href=\"#\(section.name)\">\(section.title.escapedForMarkup)</a>"
    }
    try file.append("<nav aria-label=\"Sections\">\(links.joined(separator: " "))</nav>\n")
    for (section, sheets) in sections {
      try file.append("<section id=\"\(section.name)\">\n<h2>\(section.title.escapedForMarkup)</h2>\n")
      let sheetLinks = sheets.enumerated().map { index, sheet in
        "<a href=\"\(sheet)\">contact sheet\(sheets.count > 1 ? " \(index + 1)" : "") (PNG)</a>"
      }
      let text = section.explanation.escapedForMarkup
      try file.append("<p>\(text) \(sheetLinks.joined(separator: ", "))</p>\n")
      try file.append("<div class=\"cards\">\n")
      for image in section.images { try file.append(article(cards[image]!)) }
      try file.append("</div>\n</section>\n")
    }
    try file.append("</main>\n</body>\n</html>\n")
    try file.commit()
  }

  // MARK: - Cards

  private func article(_ card: MapCard) -> String {
    let labels = card.labels.isEmpty ? "no class" : card.labels.joined(separator: ", ")
    let verdict = card.isRight ? "right" : "wrong"
    let (large, small) = (card.pictures.filter { $0.role != .row }, card.pictures.filter { $0.role == .row })
    let rows =
      small.isEmpty ? "" : "<div class=\"rows\">\(small.map { figure($0, of: card) }.joined())</div>\n"
    return """
      <article>
      <h3>\(card.id.escapedForMarkup)</h3>
      <p><b>\(labels.escapedForMarkup)</b>, predicted \(card.prediction.escapedForMarkup) \
      (<span class="\(verdict)">\(verdict)</span>, \(NumberText.percentage(Double(card.confidence)))), \
      loss \(NumberText.fixed(Double(card.loss), 3)), row \(card.row)</p>
      <div class="maps">\(large.map { figure($0, of: card) }.joined())</div>
      \(rows)</article>

      """
  }

  private func figure(_ picture: MapPicture, of card: MapCard) -> String {
    """
    <figure><a href="\(picture.file)"><img src="\(picture.file)" width="\(picture.width)" \
    height="\(picture.height)" loading="lazy" alt="\(alternative(picture, card).escapedForMarkup)"></a>\
    <figcaption>\(caption(picture))</figcaption></figure>
    """
  }

  private func caption(_ picture: MapPicture) -> String {
    let title = "<span>\(picture.title.escapedForMarkup)</span>"
    guard let numbers = picture.numbers else { return title }
    var shares: [String] = []
    if numbers.prefixTokens > 0 { shares.append("\(prefixName) \(share(numbers.prefixTokens))") }
    if let own = numbers.ownToken { shares.append("own token \(share(own))") }
    return title + " \(text(numbers.smallest)) to \(text(numbers.largest))"
      + shares.map { "<br>" + $0.escapedForMarkup }.joined()
  }

  private func alternative(_ picture: MapPicture, _ card: MapCard) -> String {
    guard let numbers = picture.numbers else { return "The image \(card.id)" }
    let layout = caches.layout
    return "Map of \(picture.title) over \(card.id): greatest, \(text(numbers.largest)), in row "
      + "\(numbers.peakRow + 1) and column \(numbers.peakColumn + 1) "
      + "of \(layout.gridHeight) x \(layout.gridWidth) patches"
  }

  private func text(_ value: Float) -> String { value == 0 ? "0" : String(format: "%.2g", Double(value)) }

  private func share(_ value: Float) -> String {
    // The number and its unit stay on one line.
    NumberText.percentage(Double(value)).replacing(" ", with: "\u{A0}")
  }

  private var prefixCount: Int { caches.layout.prefixTokenCount }

  private var prefixName: String {
    let hasClassToken = caches.layout.hasClassToken
    let registers = prefixCount - (hasClassToken ? 1 : 0)
    return ((hasClassToken ? ["[cls]"] : []) + (registers > 0 ? ["registers"] : [])).joined(separator: ", ")
  }

  // MARK: - Words

  private var head: String {
    let title = "Where the head looks: \(name)"
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self' file:; \
      style-src 'unsafe-inline'">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(title.escapedForMarkup)</title>
      <style>\(FigureStyle.css)\(Self.css)</style>
      </head>
      <body>
      <main>
      <h1>\(title.escapedForMarkup)</h1>
      <p>\(explanation.escapedForMarkup)</p>
      <p class="scale"><span>0</span><span class="bar" role="img" \
      aria-label="Colours from dark violet for 0 to yellow for the greatest value of a map"></span>\
      <span>the greatest value of each map</span></p>
      <p>\(notes.joined(separator: " ").escapedForMarkup)</p>
      <dl>\(provenance.map { "<dt>\($0)</dt><dd>\($1.escapedForMarkup)</dd>" }.joined())</dl>

      """
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
          + "of the \(weighedCount(sample)) would weigh \(text(1 / Float(weighedCount(sample))))"
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
    if prefixCount > 0 {
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

  private var provenance: [(String, String)] {
    [
      ("Head", "\(name), \(summary.parameterCount) parameters, block \(caches.block)"),
      ("Encoder", "\(summary.encoder), checkpoint SHA-256 \(summary.checkpointSHA256)"),
      ("Images", "\(caches.name), \(caches.encoder.preprocessing.text)"),
      ("Program", "PatchBank \(programVersion)"),
    ]
  }

  private static let css = """
    body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,sans-serif}\
    main{max-width:1240px;margin:0 auto;padding:24px 20px 64px}\
    h1{font-size:28px;line-height:1.2}h2{font-size:22px;margin:48px 0 4px}\
    h3{font-size:15px;margin:0;overflow-wrap:anywhere}p{max-width:80ch}a{color:inherit}\
    nav{display:flex;flex-wrap:wrap;gap:6px 18px;margin:24px 0}\
    .scale{display:flex;gap:10px;align-items:center;font-size:14px}\
    .bar{width:240px;height:14px;border-radius:3px;background:\(ColourScale.cssGradient);\
    print-color-adjust:exact;-webkit-print-color-adjust:exact}\
    dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;font-size:14px}\
    dt{color:var(--faint)}dd{margin:0;overflow-wrap:anywhere}\
    .cards{display:flex;flex-wrap:wrap;gap:16px}\
    article{flex:0 1 auto;max-width:100%;box-sizing:border-box;padding:12px 14px;break-inside:avoid;\
    border:1px solid var(--grid);border-radius:8px}\
    article p{margin:2px 0 10px;font-size:14px}\
    .right{color:var(--faint)}.wrong{font-weight:700;color:var(--series-1)}\
    .maps,.rows{display:flex;flex-wrap:wrap;gap:10px}.rows{margin-top:10px}\
    figure{margin:0;width:176px}.rows figure{width:104px}\
    img{display:block;width:auto;height:auto;max-width:100%;max-height:176px;border-radius:4px}\
    .rows img{max-height:104px}\
    figcaption{font-size:12px;line-height:1.35;color:var(--faint);padding-top:3px}\
    figcaption span{display:block;color:var(--text)}\
    @media(max-width:640px){figure{width:calc(50% - 5px)}.rows figure{width:calc(33.3% - 7px)}}\
    @media print{.cards{display:block}article{margin-bottom:12px}main{max-width:none;padding:0}nav{display:none}figure{width:140px}.rows figure{width:84px}\
    img{max-height:140px}.rows img{max-height:84px}}
    """
}
