import Foundation
import Reporting
import TestSupport
import Testing

@Suite struct FigureTests {
  private let plot = LinePlot(
    "Loss & <accuracy>", x: Axis("epoch", isWhole: true), y: Axis("loss", unit: "nats", includes: [0]),
    series: [
      .init("train", values: [4, 2, 1]), .init("val \"best\"", [(0, 3), (1, .nan), (2, 2)]),
    ], references: [("log 10", 2.5)])

  @Test func linesGoThroughTheirValues() throws {
    let elements = try #require(Elements(plot.picture.svg))
    let x = elements.places("x")
    let y = elements.places("y")
    // Tick labels stand 4 pixels below their line, and 14 below the axis.
    let up = { (value: String) in try #require(y[value]) - 4 }
    let zero = try up("0")
    let four = try up("4")
    let points = try #require(elements.named("polyline").last?.attributes["points"])
    let train = points.split(separator: " ").map { $0.split(separator: ",").map { Double($0)! } }
    #expect(train.count == 3)
    #expect(train[0] == [try #require(x["0"]), four])
    #expect(train[2][0] == x["2"])
    #expect(abs(train[1][1] - (zero + four) / 2) < 0.11)
    #expect(abs(train[2][1] - (zero + (four - zero) / 4)) < 0.11)
    #expect(elements.named("line").contains { $0.attributes["class"] == "reference" })
  }

  @Test func aValueThatIsNotANumberIsAGap() throws {
    let elements = try #require(Elements(plot.picture.svg))
    // Two legend samples and the training line; the two lone validation values are marks.
    #expect(elements.named("polyline").count == 3)
    let tips = elements.named("title").map(\.text)
    #expect(tips.contains("val \"best\": 3 at 0") && tips.contains("val \"best\": 2 at 2"))
    #expect(!plot.picture.svg.contains("nan"))
  }

  @Test func namesAreEscapedAndToldInWords() throws {
    let elements = try #require(Elements(plot.picture.svg))
    let svg = try #require(elements.named("svg").first)
    #expect(svg.attributes["role"] == "img")
    #expect(svg.attributes["aria-label"] == "Loss & <accuracy>. " + plot.alternativeText)
    #expect(elements.named("title").first?.text == "Loss & <accuracy>")
    #expect(
      plot.alternativeText
        == "loss (nats) over epoch. train: from 4 at 0 to 1 at 2; "
        + "val \"best\": from 3 at 0 to 2 at 2; log 10: 2.5.")
    let labels = elements.named("text").map(\.text)
    for label in ["epoch", "loss (nats)", "train", "val \"best\"", "log 10"] {
      #expect(labels.contains(label))
    }
  }

  /// Curves that should lie on it would cover its name in the plot.
  @Test(arguments: [1, 2])
  func theLineOfEqualValuesIsNamedInTheLegend(_ seriesCount: Int) throws {
    let plot = LinePlot(
      "Calibration", x: Axis("confidence", includes: [0, 100]), y: Axis("accuracy", includes: [0, 100]),
      series: (0..<seriesCount).map { .init("head \($0)", [(20, 10), (90, 80)]) }, equality: "as it should be"
    )
    let elements = try #require(Elements(plot.picture.svg))
    let lines = elements.styled("reference").map { $0.attributes.compactMapValues(Double.init) }
    let name = try #require(elements.named("text").first { $0.text == "as it should be" })
    #expect(lines.count == 2 && lines[0]["x2"]! - lines[0]["x1"]! == 20)
    #expect(Double(name.attributes["x"]!) == lines[0]["x2"]! + 6)
    #expect(Double(name.attributes["y"]!)! < elements.places("y")["100"]!)
    let (x, y) = (elements.places("x"), elements.places("y"))
    for (end, value) in [("1", "0"), ("2", "100")] {
      #expect(
        abs(lines[1]["x" + end]! - x[value]!) < 0.11 && abs(lines[1]["y" + end]! - y[value]! + 4) < 0.11)
    }
    let named = elements.named("text").map(\.text).filter { $0.hasPrefix("head") }
    #expect(named.count == seriesCount)
  }

  @Test func barsAreAsLongAsTheirValues() throws {
    let plot = BarPlot(
      "Accuracy", categories: ["cls", "abmilp"], axis: Axis("top-1", unit: "%", includes: [100]),
      series: [.init("train", [50, 100]), .init("val", [25, .nan])])
    let elements = try #require(Elements(plot.picture.svg))
    let x = elements.places("x")
    let (zero, hundred) = (try #require(x["0"]), try #require(x["100"]))
    let bars = elements.styled("bar").map { $0.attributes.compactMapValues { Double($0) } }
    #expect(bars.count == 3)
    #expect(bars.allSatisfy { $0["x"] == zero })
    for (bar, share) in zip(bars, [0.5, 0.25, 1]) {
      #expect(abs(bar["width"]! - (hundred - zero) * share) < 0.11)
    }
    #expect(
      elements.named("text").filter { $0.attributes["class"] == "value" }.map(\.text) == [
        "50.0", "25.0", "100",
      ])
    #expect(
      plot.alternativeText == "top-1 (%). cls: train 50.0, val 25.0; abmilp: train 100.")
    let height = try #require(Double(elements.named("svg")[0].attributes["height"]!))
    #expect(bars.allSatisfy { $0["y"]! + $0["height"]! < height - 40 })
  }

  @Test func negativeBarsGoTheOtherWay() throws {
    let plot = BarPlot("Change", categories: ["a", "b"], axis: Axis("points"), series: [.init("", [-2, 2])])
    let elements = try #require(Elements(plot.picture.svg))
    let zero = try #require(elements.places("x")["0.0"])
    let bars = elements.styled("bar").map { $0.attributes.compactMapValues { Double($0) } }
    #expect(abs(bars[0]["x"]! + bars[0]["width"]! - zero) < 0.11 && bars[1]["x"] == zero)
  }

  @Test func anEmptyPlotIsStillAPicture() throws {
    let lines = LinePlot("Nothing", x: Axis("x"), y: Axis("y"), series: [.init("none", [])])
    #expect(Elements(lines.picture.svg) != nil)
    #expect(lines.alternativeText == "y over x. none: no values.")
    #expect(Elements(BarPlot("Nothing", categories: [], axis: Axis("x"), series: []).picture.svg) != nil)
  }

  @Test func manySeriesDifferInColourOrDash() throws {
    let plot = LinePlot(
      "Heads", x: Axis("block"), y: Axis("entropy"),
      series: (0..<24).map { .init("head \($0)", values: [Double($0), 1]) })
    let elements = try #require(Elements(plot.picture.svg))
    let looks = Set(
      elements.named("polyline").map {
        ($0.attributes["class"] ?? "") + ($0.attributes["stroke-dasharray"] ?? "")
      })
    #expect(looks.count == 24)
  }

  @Test func aFileOfItsOwnHasItsColours() throws {
    let folder = try TemporaryFolder()
    try plot.write(to: folder.file("loss.svg"))
    let text = String(decoding: try bytes(ofFile: folder.file("loss.svg")), as: UTF8.self)
    #expect(Elements(text) != nil)
    #expect(text.contains("--series-0:#") && text.contains("prefers-color-scheme:dark"))
  }
}
