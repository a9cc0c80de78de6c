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
    for word in ["src=", "href=", "url(", "@import", "<link"] { #expect(!html.contains(word)) }
    #expect(html.components(separatedBy: "http").count == 3, "only http-equiv and the SVG name space")
  }

  @Test func tablesKeepTheirNumbers() {
    var report = HTMLReport(title: "Demo")
    var table = Table([.text("features"), .number("top-1")])
    table.append(["cls", "61.2"])
    report.append(table, caption: "Accuracies")
    #expect(report.html.contains("<th scope=\"col\" class=\"number\">top-1</th>"))
    #expect(report.html.contains("<td>cls</td><td class=\"number\">61.2</td>"))
    #expect(report.html.contains("<caption>Accuracies</caption>"))
  }

  @Test func thePageIsWrittenWhole() throws {
    let folder = try TemporaryFolder()
    try report().write(to: folder.file("report.html"))
    #expect(String(decoding: try bytes(ofFile: folder.file("report.html")), as: UTF8.self) == report().html)
  }
}
