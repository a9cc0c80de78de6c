import Reporting
import Synchronization
import TestSupport
import Testing

@Suite struct HTMLReportTests {
  private let attack = "<script>alert('1')</script>\" onload=\"x\u{0}"
  private let escaped =
    "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot; onload=&quot;x\u{FFFD}"

  private func report() -> HTMLReport {
    var report = HTMLReport(title: attack)
    report.append(heading: attack)
    report.append(paragraph: attack)
    report.append(preformatted: attack)
    var table = Table([.text(attack), .number("top-1")])
    table.append([attack, "61.2"])
    report.append(table, caption: attack)
    report.append(
      BarPlot(attack, categories: [attack], axis: Axis(attack, unit: attack), series: [.init(attack, [1])]),
      caption: attack)
    report.append(provenance: [(attack, attack)])
    report.append(folded: attack, summary: attack)
    report.append([
      (
        figure: HeatMap(
          attack, of: attack, rows: .init(attack, labels: [attack]), columns: .init(attack, labels: [attack]),
          scale: Axis(attack), values: [[1]]), caption: attack
      )
    ])
    report.append(colourScaleFrom: attack, to: attack)
    report.append(
      paragraph: StyledText([
        .plain(attack), .strong(attack), .faint(attack), .alert(attack),
      ]))
    report.append(
      Gallery(
        .compact,
        [
          .init(
            title: attack, text: StyledText(attack),
            tiles: [
              .init(
                .values(ValueTile([1, .nan, 3, 4], columns: 2)), caption: attack, notes: [attack],
                alternativeText: attack),
              .init(
                .embedded(EmbeddedImage(.png, bytes: [1, 2, 3])), caption: attack, alternativeText: attack,
                isDetail: true),
            ])
        ]))
    return report
  }

  /// What browsers are told; tools/check-page sees that they follow.
  @Test func longNamesBreakEverywhereButInTables() {
    let html = report().html
    let rules = html.split(separator: "}").filter { $0.contains("overflow-wrap:") }
    #expect(rules.count == 2)
    #expect(rules[0].hasSuffix("overflow-wrap:anywhere") && rules[0].contains("body{"))
    #expect(rules[1].hasPrefix("table{") && rules[1].hasSuffix("overflow-wrap:break-word"))
  }

  @Test func everythingIsEscaped() {
    let html = report().html
    #expect(!html.contains("<script") && !html.contains("\" onload") && !html.contains("\u{0}"))
    // Title and h1, h2, p, pre, th, td, two captions, dt, dd; in the figure: label, title, desc twice and more.
    #expect(html.components(separatedBy: escaped).count > 25)
  }

  @Test func nothingComesFromElsewhere() {
    let html = report().html
    #expect(html.contains("default-src 'none'") && html.contains("img-src data:;"))
    for word in ["href=", "url(", "@import", "<link"] { #expect(!html.contains(word)) }
    #expect(
      html.components(separatedBy: "src=").count == html.components(separatedBy: "src=\"data:image/").count)
    #expect(html.components(separatedBy: "http").count == 5, "only http-equiv and the SVG name space")
  }

  @Test func tablesKeepTheirNumbers() {
    var report = HTMLReport(title: "Demo")
    var table = Table([.text("features"), .number("top-1")])
    table.append(["cls", "61.2"])
    report.append(table, caption: "Accuracies")
    #expect(report.html.contains("<th scope=\"col\" class=\"number\">top-1</th>"))
    #expect(report.html.contains("<td class=\"short\">cls</td><td class=\"number\">61.2</td>"))
    #expect(report.html.contains("<caption>Accuracies</caption>"))
  }

  @Test func aLongPageHasContentsThatLeadToItsSectionsAndBack() {
    var report = HTMLReport(title: "Long")
    for heading in ["A", "B", "C"] { report.append(heading: heading) }
    #expect(!report.html.contains("<nav") && !report.html.contains("href"))
    report.append(heading: "D & E")
    #expect(report.html.contains("<a href=\"#section-4\">D &amp; E</a>"))
    #expect(report.html.contains("<h2 id=\"section-4\">D &amp; E</h2>"))
    #expect(report.html.contains("<nav id=\"contents\""))
    #expect(report.html.components(separatedBy: "href=\"#contents\"").count == 1 + 4)
  }

  private func page(_ tiles: [Gallery.Tile], images: HTMLReport.ImagePlace = .inside) -> String {
    var report = HTMLReport(title: "Pictures", images: images)
    report.append(
      Gallery(
        .spacious,
        [.init(title: "a cat", text: StyledText([.strong("cat"), .plain(", seen")]), tiles: tiles)]))
    return report.html
  }

  @Test func squaresOfATileAreTheirValues() {
    let html = page([
      .init(
        .values(ValueTile([0, 1, .nan, 0, 0.5, 1], columns: 3)), caption: "map", alternativeText: "a map")
    ])
    #expect(html.contains("viewBox=\"0 0 3 2\"") && html.contains("aria-label=\"a map\""))
    // The two least share an element, as do the two greatest; what is not a number is left out.
    #expect(html.contains("d=\"M0 0h1v1h-1zM0 1h1v1h-1z\""))
    #expect(html.contains("d=\"M1 0h1v1h-1zM2 1h1v1h-1z\""))
    #expect(!html.contains("M2 0"))
  }

  @Test func imagesAreInsideOfThePage() {
    let html = page([
      .init(
        .embedded(EmbeddedImage(.jpeg, bytes: [0xFF, 0xD8, 0xFF])), caption: "", alternativeText: "a cat")
    ])
    #expect(html.contains("<img src=\"data:image/jpeg;base64,/9j/\" alt=\"a cat\">"))
    #expect(html.contains("img-src data:;"))
  }

  /// Names of files are of strangers, too: none becomes another scheme, a fragment or an attribute.
  @Test func imagesBesideThePageAreShownAndOpened() {
    let html = page(
      [
        .init(
          .file(PageFile("images/a \"cat\"#1?.png"), height: 3, width: 4), caption: "map",
          notes: ["0 to 1", "[cls] 5 %"], alternativeText: "a cat"),
        .init(
          .file(PageFile("javascript:alert(1)"), height: 3, width: 4), caption: "part", alternativeText: "b",
          isDetail: true),
      ], images: .beside)
    let address = "images/a%20%22cat%22%231%3F.png"
    #expect(html.contains("<a href=\"\(address)\"><img src=\"\(address)\" width=\"4\" height=\"3\""))
    #expect(html.contains("<b>map</b><br>0 to 1<br>[cls] 5 %</figcaption>"))
    #expect(!html.contains("javascript:") && html.contains("href=\"javascript%3Aalert%281%29\""))
    #expect(html.contains("img-src 'self' file:;") && !html.contains("img-src data:"))
    #expect(html.contains("<p><b>cat</b>, seen</p>"))
  }

  @Test func detailsComeAfterTheOtherPictures() throws {
    let tile = Gallery.Tile.Content.values(ValueTile([1], columns: 1))
    let html = page([
      .init(tile, caption: "small", alternativeText: "", isDetail: true),
      .init(tile, caption: "large", alternativeText: ""),
    ])
    let large = try #require(html.firstRange(of: "<b>large</b>"))
    let small = try #require(html.firstRange(of: "<b>small</b>"))
    #expect(large.upperBound < small.lowerBound)
  }

  /// A page as long as a large gallery never lies in memory: cards are made while it is written.
  @Test func cardsAreMadeWhenTheirTurnComes() throws {
    let folder = try TemporaryFolder()
    let made = Mutex<[Int]>([])
    var report = HTMLReport(title: "Large")
    report.append(
      Gallery(.compact, count: 3) { index in
        made.withLock { $0.append(index) }
        return .init(title: "card \(index)", text: StyledText(""), tiles: [])
      })
    #expect(made.withLock { $0 }.isEmpty)
    try report.write(to: folder.file("report.html"))
    #expect(made.withLock { $0 } == [0, 1, 2])
    let written = String(decoding: try bytes(ofFile: folder.file("report.html")), as: UTF8.self)
    #expect((0..<3).allSatisfy { written.contains("<h3>card \($0)</h3>") })
  }

  @Test func thePageIsWrittenWhole() throws {
    let folder = try TemporaryFolder()
    try report().write(to: folder.file("report.html"))
    #expect(String(decoding: try bytes(ofFile: folder.file("report.html")), as: UTF8.self) == report().html)
  }
}
