import Foundation
import Reporting
import TestSupport
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// An SVG text's elements, in order, with their attributes and texts; nil if it is not well-formed XML.
private final class Elements: NSObject, XMLParserDelegate {
  private(set) var all: [(name: String, attributes: [String: String], text: String)] = []
  private var open: [Int] = []

  init?(_ svg: String) {
    super.init()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = self
    guard parser.parse() else { return nil }
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    open.append(all.count)
    all.append((name, attributes, ""))
  }

  func parser(_ parser: XMLParser, foundCharacters text: String) { all[open.last!].text += text }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) { open.removeLast() }

  func named(_ name: String) -> [(name: String, attributes: [String: String], text: String)] {
    all.filter { $0.name == name }
  }

  /// Where an axis has its tick labels, by text.
  func places(_ coordinate: String) -> [String: Double] {
    let anchor = coordinate == "x" ? "middle" : "end"
    let ticks = named("text").filter {
      $0.attributes["class"] == "tick" && $0.attributes["text-anchor"] == anchor
    }
    return Dictionary(
      ticks.map { ($0.text, Double($0.attributes[coordinate]!)!) }, uniquingKeysWith: { first, _ in first })
  }
}

@Suite struct AxisScaleTests {
  @Test func ticksAreRoundAndHoldTheValues() {
    let scale = AxisScale([0.13, 0.87], tickCount: 5, from: 300, to: 100)
    #expect(scale.ticks.map(scale.text) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"])
    #expect(scale.place(0) == 300 && scale.place(1) == 100 && abs(scale.place(0.25) - 250) < 1e-9)
  }

  @Test func anAxisThatIsNotWidenedEndsAtItsValues() {
    let scale = AxisScale([3, 87], tickCount: 10, widened: false, from: 0, to: 84)
    #expect(scale.ticks.map(scale.text) == ["10", "20", "30", "40", "50", "60", "70", "80"])
    #expect(scale.place(3) == 0 && scale.place(87) == 84)
  }

  @Test func countsHaveNoTicksBetween() {
    let scale = AxisScale([0, 3], tickCount: 10, isWhole: true, from: 0, to: 1)
    #expect(scale.ticks == [0, 1, 2, 3])
  }

  @Test(arguments: [
    [], [5], [0, 0], [-3, -3, -3], [.nan, .infinity], [1e300, -1e300], [1e-12, 2e-12], [0.1, 0.1 + 1e-16],
    [-.greatestFiniteMagnitude, .greatestFiniteMagnitude], [.leastNonzeroMagnitude, 0], [1e15, 1e15 + 1],
  ])
  func anyValuesGiveFewTicksAtFinitePlaces(_ values: [Double]) {
    for widened in [true, false] {
      let scale = AxisScale(values, widened: widened, from: 10, to: 20)
      #expect(scale.ticks.count <= 16)
      for value in values.filter(\.isFinite) + scale.ticks {
        #expect(scale.place(value) >= 10 - 1e-6 && scale.place(value) <= 20 + 1e-6)
      }
    }
  }
}

@Suite struct FigureTests {
  private let plot = LinePlot(
    "Loss & <accuracy>", x: Axis("epoch", isWhole: true), y: Axis("loss", unit: "nats", includes: [0]),
    series: [
      .init("train", values: [4, 2, 1]), .init("val \"best\"", [(0, 3), (1, .nan), (2, 2)]),
    ], references: [("log 10", 2.5)])

  @Test func linesGoThroughTheirValues() throws {
    let elements = try #require(Elements(plot.picture))
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
    let elements = try #require(Elements(plot.picture))
    // Two legend samples and the training line; the two lone validation values are dots.
    #expect(elements.named("polyline").count == 3)
    let tips = elements.named("title").map(\.text)
    #expect(tips.contains("val \"best\": 3.00 at 0.000") && tips.contains("val \"best\": 2.00 at 2.00"))
    #expect(!plot.picture.contains("nan"))
  }

  @Test func namesAreEscapedAndToldInWords() throws {
    let elements = try #require(Elements(plot.picture))
    let svg = try #require(elements.named("svg").first)
    #expect(svg.attributes["role"] == "img")
    #expect(svg.attributes["aria-label"] == "Loss & <accuracy>. " + plot.alternativeText)
    #expect(elements.named("title").first?.text == "Loss & <accuracy>")
    #expect(
      plot.alternativeText
        == "loss (nats) over epoch. train: from 4.00 at 0.000 to 1.00 at 2.00; "
        + "val \"best\": from 3.00 at 0.000 to 2.00 at 2.00; log 10: 2.50.")
    let labels = elements.named("text").map(\.text)
    for label in ["epoch", "loss (nats)", "train", "val \"best\"", "log 10"] {
      #expect(labels.contains(label))
    }
  }

  @Test func barsAreAsLongAsTheirValues() throws {
    let plot = BarPlot(
      "Accuracy", categories: ["cls", "abmilp"], axis: Axis("top-1", unit: "%", includes: [100]),
      series: [.init("train", [50, 100]), .init("val", [25, .nan])])
    let elements = try #require(Elements(plot.picture))
    let x = elements.places("x")
    let (zero, hundred) = (try #require(x["0"]), try #require(x["100"]))
    let bars = elements.named("rect").map { $0.attributes.compactMapValues { Double($0) } }
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
      plot.alternativeText == "top-1 (%). cls: train 50.0, val 25.0; abmilp: train 100, val not a number.")
    let height = try #require(Double(elements.named("svg")[0].attributes["height"]!))
    #expect(bars.allSatisfy { $0["y"]! + $0["height"]! < height - 40 })
  }

  @Test func negativeBarsGoTheOtherWay() throws {
    let plot = BarPlot("Change", categories: ["a", "b"], axis: Axis("points"), series: [.init("", [-2, 2])])
    let elements = try #require(Elements(plot.picture))
    let zero = try #require(elements.places("x")["0"])
    let bars = elements.named("rect").map { $0.attributes.compactMapValues { Double($0) } }
    #expect(abs(bars[0]["x"]! + bars[0]["width"]! - zero) < 0.11 && bars[1]["x"] == zero)
  }

  @Test func anEmptyPlotIsStillAPicture() throws {
    let lines = LinePlot("Nothing", x: Axis("x"), y: Axis("y"), series: [.init("none", [])])
    #expect(Elements(lines.picture) != nil)
    #expect(lines.alternativeText == "y over x. none: no values.")
    #expect(Elements(BarPlot("Nothing", categories: [], axis: Axis("x"), series: []).picture) != nil)
  }

  @Test func manySeriesDifferInColourOrDash() throws {
    let plot = LinePlot(
      "Heads", x: Axis("block"), y: Axis("entropy"),
      series: (0..<16).map { .init("head \($0)", values: [Double($0), 1]) })
    let elements = try #require(Elements(plot.picture))
    let looks = Set(
      elements.named("polyline").map {
        ($0.attributes["stroke"] ?? "") + ($0.attributes["stroke-dasharray"] ?? "")
      })
    #expect(looks.count == 16)
  }

  @Test func aFileOfItsOwnHasItsColours() throws {
    let folder = try TemporaryFolder()
    try plot.write(to: folder.file("loss.svg"))
    let text = String(decoding: try bytes(ofFile: folder.file("loss.svg")), as: UTF8.self)
    #expect(Elements(text) != nil)
    #expect(text.contains("--series-0:#") && text.contains("prefers-color-scheme:dark"))
  }
}
