import Reporting
import TestSupport
import Testing

/// Text that a picture has no room for.
@Suite struct FittedTextTests {
  private let run = "vit_192x6_patch4, mae_cifar10_d192_l6_ep800"
  private var heads: [String] {
    ["abmilp depth 1 patch", "abmilp depth 2 patch relu", "cls", "pos"].map { "\(run): \($0)" }
  }

  @Test func aTextIsCutWhereItTellsLeast() {
    let text = "abcdefghijklmnopqrstuvwxyz"
    // Room for 9 letters and an ellipsis.
    let width = 9 * 6.6 + 13.1
    #expect(Picture.fitted(text, to: width) == "abcdefghi…")
    #expect(Picture.fitted(text, to: width, cut: .start) == "…rstuvwxyz")
    #expect(Picture.fitted(text, to: width, cut: .middle) == "abc…uvwxyz")
    for cut in [Picture.Cut.end, .start, .middle] {
      #expect(Picture.fitted(text, to: 26 * 6.6 + 0.1, cut: cut) == text)
      #expect(Picture.fitted(text, to: 5, cut: cut) == "…")
      #expect(Picture.fitted("画像画像画像", to: 4 * 12.5, cut: cut).count == 3)
    }
  }

  @Test func namesThatFitStayWhole() {
    #expect(Picture.fitted(names: heads, to: 1000) == heads)
    #expect(Picture.fitted(names: ["a", "b"] + heads, to: 200).prefix(2) == ["a", "b"])
    #expect(Picture.fitted(names: [], to: 100).isEmpty)
  }

  /// Names that share their start, their end, both, or all but one of two places; and some that are the same.
  @Test(arguments: [20.0, 40, 80, 140, 200, 300, 400])
  func cutNamesStayDifferentAndFit(_ width: Double) {
    let long = String(repeating: "long ", count: 30)
    let names =
      heads + heads.map { String($0.reversed()) }
      + ["a", "b", "c"].flatMap { start in ["1", "2"].map { start + long + $0 + long + "z" } }
      + [long, long + "more", long + long, long]
    let shown = Picture.fitted(names: names, to: width)
    #expect(shown.count == names.count)
    for (index, text) in shown.enumerated() {
      for other in shown.indices { #expect((text == shown[other]) == (names[index] == names[other])) }
      if width >= 80 { #expect(Picture.textWidth(text) <= width, "\(text)") }
    }
  }

  @Test func whatDiffersInTheMiddleIsShown() {
    let names = ["1", "2"].map { "vit_base: \($0)" + String(repeating: " and so on", count: 10) }
    let shown = Picture.fitted(names: names, to: 200)
    #expect(shown == ["vit_b…1 and so…o on and so on", "vit_b…2 and so…o on and so on"])
  }

  @Test func legendsAndLabelsTellTheWholeNameOnRequest() throws {
    let plots: [any Figure] = [
      LinePlot(
        "Lines", x: Axis("x"), y: Axis("y"), series: heads.map { .init($0, values: [1, 2]) }, size: .half),
      BarPlot(
        "Bars", categories: heads, axis: Axis("y"), series: [.init("", heads.map { _ in 1 })], size: .half),
      HeatMap(
        "Map", rows: .init("head", labels: heads), columns: .init("head", labels: heads), scale: Axis("y"),
        values: heads.map { _ in heads.map { _ in 1 } }),
    ]
    for plot in plots {
      let elements = try #require(Elements(plot.picture.svg))
      let cut = elements.named("text").map(\.text).filter { $0.contains("…") }
      #expect(Set(cut).count == cut.count && cut.count >= 2, "\(plot.title): \(cut)")
      let tips = elements.named("title").map(\.text).filter { $0.hasPrefix(run) }
      #expect(Set(tips).isSuperset(of: heads.prefix(2)))
    }
  }

  @Test func titlesAndSubjectsKeepTheirEnd() throws {
    let map = HeatMap(
      "Learning rates of \(heads[0])", of: heads[1] + " and what was made of it later on",
      rows: .init("a", labels: ["1"]), columns: .init("b", labels: ["1"]), scale: Axis("y"), values: [[1]])
    let texts = try #require(Elements(map.picture.svg)).named("text").map(\.text)
    #expect(texts[0].hasPrefix("Learning rates") && texts[0].hasSuffix("abmilp depth 1 patch"))
    #expect(texts[1].hasPrefix("vit_192x6_patch4") && texts[1].hasSuffix("made of it later on"))
    #expect(texts.prefix(2).allSatisfy { $0.contains("…") })
  }
}
