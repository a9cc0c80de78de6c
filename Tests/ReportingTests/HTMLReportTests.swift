import Reporting
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
    report.append(
      Gallery([
        .init(
          title: attack,
          tiles: [
            .init(
              .values(ValueTile([1, .nan, 3, 4], columns: 2)), caption: attack, alternativeText: attack,
              width: 40),
            .init(
              .image(EmbeddedImage(.png, bytes: [1, 2, 3])), caption: attack, alternativeText: attack,
              width: 40),
          ], note: attack)
      ]))
    return report
  }

  @Test func everythingIsEscaped() {
    let html = report().html
    #expect(!html.contains("<script") && !html.contains("\" onload") && !html.contains("\u{0}"))
    // Title and h1, h2, p, pre, th, td, two captions, dt, dd; in the figure: label, title, desc twice and more.
    #expect(html.components(separatedBy: escaped).count > 15)
  }

  @Test func nothingComesFromElsewhere() {
    let html = report().html
    #expect(html.contains("default-src 'none'"))
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

  @Test func aLongPageHasContentsThatLeadToItsSections() {
    var report = HTMLReport(title: "Long")
    for heading in ["A", "B", "C"] { report.append(heading: heading) }
    #expect(!report.html.contains("<nav"))
    report.append(heading: "D & E")
    #expect(report.html.contains("<a href=\"#section-4\">D &amp; E</a>"))
    #expect(report.html.contains("<h2 id=\"section-4\">D &amp; E</h2>"))
  }

  @Test func squaresOfATileAreTheirValues() {
    let tile = ValueTile([0, 1, .nan, 0, 0.5, 1], columns: 3)
    var report = HTMLReport(title: "Tile")
    report.append(
      Gallery([.init(title: "", tiles: [.init(.values(tile), caption: "", alternativeText: "", width: 30)])]))
    let html = report.html
    #expect(html.contains("viewBox=\"0 0 3 2\" width=\"30\" height=\"20\""))
    // The two least share an element, as do the two greatest; what is not a number is left out.
    #expect(html.contains("d=\"M0 0h1v1h-1zM0 1h1v1h-1z\""))
    #expect(html.contains("d=\"M1 0h1v1h-1zM2 1h1v1h-1z\""))
    #expect(!html.contains("M2 0"))
  }

  @Test func imagesAreInsideOfThePage() {
    var report = HTMLReport(title: "Image")
    report.append(
      Gallery([
        .init(
          title: "",
          tiles: [
            .init(
              .image(EmbeddedImage(.jpeg, bytes: [0xFF, 0xD8, 0xFF])), caption: "", alternativeText: "a cat",
              width: 88)
          ])
      ]))
    #expect(report.html.contains("<img src=\"data:image/jpeg;base64,/9j/\" width=\"88\" alt=\"a cat\">"))
  }

  @Test func thePageIsWrittenWhole() throws {
    let folder = try TemporaryFolder()
    try report().write(to: folder.file("report.html"))
    #expect(String(decoding: try bytes(ofFile: folder.file("report.html")), as: UTF8.self) == report().html)
  }
}
