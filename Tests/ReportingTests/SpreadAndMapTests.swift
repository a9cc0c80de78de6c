import Files
import Foundation
import Reporting
import TestSupport
import Testing

/// Plots of more than lines and bars: the numbers in their SVG.
@Suite struct SpreadAndMapTests {
  @Test func bandsAndWhiskersSpanTheirRanges() throws {
    let plot = LinePlot(
      "Spread", x: Axis("block", isWhole: true), y: Axis("share", includes: [0]),
      series: [
        .init(
          "a",
          points: [
            .init(x: 0, y: 2, band: 1...3, whisker: 0...4), .init(x: 1, y: 3, band: 2...4),
            .init(x: 2, y: 1, whisker: 1...2),
          ])
      ])
    let elements = try #require(Elements(plot.picture.svg))
    let y = elements.places("y").mapValues { $0 - 4 }
    let (zero, four) = (try #require(y["0"]), try #require(y["4"]))
    func place(_ value: Double) -> Double { zero + (four - zero) * value / 4 }
    let band = Elements.points(try #require(elements.styled("band").first).attributes)
    #expect(band.count == 4, "the third point has no band")
    for (corner, value) in zip(band, [1.0, 2, 4, 3]) { #expect(abs(corner.y - place(value)) < 0.11) }
    // A whisker is a line up and down with two ends.
    let whiskers = elements.styled("whisker").filter { $0.attributes["x1"] == $0.attributes["x2"] }
    #expect(whiskers.count == 2)
    #expect(abs(Double(whiskers[0].attributes["y1"]!)! - place(0)) < 0.11)
    #expect(abs(Double(whiskers[0].attributes["y2"]!)! - place(4)) < 0.11)
  }

  @Test func aSeriesWithoutValuesKeepsItsColourAndLeavesTheLegend() throws {
    let plot = LinePlot(
      "Three", x: Axis("block"), y: Axis("share"),
      series: [.init("one", values: [1, 2]), .init("none", values: []), .init("three", values: [2, 1])])
    let elements = try #require(Elements(plot.picture.svg))
    #expect(!elements.named("text").map(\.text).contains("none"))
    #expect(elements.styled("line").compactMap { $0.attributes["class"] }.contains("line s2"))
    #expect(elements.styled("s1").isEmpty)
    #expect(plot.alternativeText.contains("none: no values"))
  }

  private func map(_ values: [[Double?]], subject: String? = nil) -> HeatMap {
    HeatMap(
      "Heads", of: subject, rows: .init("head", labels: values.indices.map(String.init)),
      columns: .init("block", labels: (values.first ?? []).indices.map(String.init)), scale: Axis("share"),
      values: values)
  }

  @Test func cellsHaveTheColoursAndTextsOfTheirValues() throws {
    let elements = try #require(
      Elements(map([[0, 0.5, 1], [nil, .nan, 0.25]], subject: "MAE").picture.svg))
    let tips = elements.named("title").map(\.text).filter { $0.hasPrefix("head") }
    #expect(
      tips == [
        "head 0, block 0: 0", "head 0, block 1: 0.5", "head 0, block 2: 1", "head 1, block 0: none",
        "head 1, block 1: none", "head 1, block 2: 0.25",
      ])
    let cells = elements.named("rect").prefix(6)
    // The ends and the middle of the scale.
    let colours = [0, 128, 255].map { step in
      "#" + ColourScale.table[3 * step..<3 * step + 3].map { String(format: "%02x", $0) }.joined()
    }
    #expect(cells.prefix(3).map { $0.attributes["fill"] } == colours)
    #expect(colours[0] == "#440154" && colours[2] == "#fde725")
    #expect(cells.dropFirst(3).prefix(2).allSatisfy { $0.attributes["class"] == "frame" })
    #expect(elements.styled("cell").map(\.text) == ["0.00", "0.50", "1.00", "0.25"])
    // White on dark, black on light.
    #expect(elements.styled("on-dark").map(\.text).first == "0.00")
    #expect(elements.styled("on-light").map(\.text) == ["1.00"])
    #expect(elements.named("text").map(\.text).contains("MAE"))
    let x = cells.prefix(3).map { Double($0.attributes["x"]!)! }
    #expect(x[0] < x[1] && abs((x[2] - x[1]) - (x[1] - x[0])) < 0.21)
  }

  @Test func aMapSaysItsLeastAndGreatestInWords() {
    #expect(
      map([[0.5, 2], [nil, 1]]).alternativeText
        == "share by head and block: from 0.5 at head 0, block 0 to 2 at head 0, block 1.")
    #expect(map([[nil]]).alternativeText == "share by head and block: no values.")
  }

  @Test func aSubjectStandsBelowTheTitleAndIsToldInWords() throws {
    let name = "vit_192x6_patch4, mae_cifar10_d192_l6_ep800_and_finetuned: abmilp depth 2 patch relu"
    func scatter(_ subject: String?) -> ScatterPlot {
      ScatterPlot(
        "t-SNE", of: subject, x: Axis("t-SNE 1"), y: Axis("t-SNE 2"),
        series: ["cat", "dog"].map { .init($0, [.init(x: 1, y: 2, name: "a")]) }, size: .half)
    }
    for (with, without) in [
      (map([[1]], subject: name) as any Figure, map([[1]]) as any Figure), (scatter(name), scatter(nil)),
    ] {
      let elements = try #require(Elements(with.picture.svg))
      let label = try #require(elements.named("svg").first?.attributes["aria-label"])
      #expect(label == "\(with.title). \(name). \(with.alternativeText)")
      let texts = elements.named("text")
      #expect(texts[0].text == with.title && texts[1].attributes["y"] == "44")
      #expect(texts[1].text.hasPrefix("vit_192x6") && texts[1].text.hasSuffix("depth 2 patch relu"))
      #expect(Picture.textWidth(texts[1].text) < with.picture.width - 24)
      #expect(with.picture.height == without.picture.height + 16)
      #expect(!without.picture.svg.contains("vit_"))
    }
  }

  @Test func emptyAndLargeMapsArePictures() throws {
    #expect(Elements(map([]).picture.svg) != nil)
    #expect(Elements(map([[]]).picture.svg) != nil)
    let large = map((0..<80).map { row in (0..<80).map { Double(row * $0) } }).picture
    let elements = try #require(Elements(large.svg))
    #expect(elements.named("rect").count == 6400 + 32)
    #expect(elements.styled("cell").isEmpty, "no room for texts")
    #expect(large.height < 700)
  }

  @Test func binsAreAsHighAsTheirCounts() throws {
    let plot = Histogram(
      "Norms", x: Axis("norm"), y: Axis("tokens"), edges: [0, 1, 2, 3],
      series: [.init("patches", counts: [4, 0, 2])], references: [("outliers", 2.5)])
    let elements = try #require(Elements(plot.picture.svg))
    let y = elements.places("y").mapValues { $0 - 4 }
    let (zero, four) = (try #require(y["0"]), try #require(y["4"]))
    let outline = Elements.points(try #require(elements.styled("line").first).attributes)
    let heights = outline.map { (zero - $0.y) / (zero - four) * 4 }
    for (height, count) in zip(heights, [0.0, 4, 4, 0, 0, 2, 2, 0]) { #expect(abs(height - count) < 0.01) }
    let x = elements.places("x")
    let reference = try #require(elements.styled("reference").first)
    let place = try #require(Double(reference.attributes["x1"]!))
    #expect(abs(place - (try #require(x["2.5"] ?? x["3.0"].map { $0 - ($0 - x["2.0"]!) / 2 }))) < 0.11)
    let label = try #require(elements.named("text").first { $0.text == "outliers" })
    #expect(label.attributes["text-anchor"] == "start")
    #expect(
      plot.alternativeText
        == "tokens over norm. patches: 6 in all, most (4) in 0 to 1; outliers: 2.5.")
  }

  @Test func aSingleOneStandsAboveTheGroundOfALogarithmicHistogram() throws {
    let plot = Histogram(
      "Norms", x: Axis("norm"), y: Axis("tokens", isWhole: true, isLogarithmic: true), edges: [0, 1, 2, 3],
      series: [.init("patches", counts: [1, 0, 1000])])
    let elements = try #require(Elements(plot.picture.svg))
    let outline = Elements.points(try #require(elements.styled("line").first).attributes)
    #expect(outline[0].y - outline[1].y > 10)
    #expect(outline[3].y == outline[0].y, "nothing is the ground")
  }

  @Test func pointsOfGroupsDifferInShape() throws {
    let plot = ScatterPlot(
      "t-SNE", x: Axis("1"), y: Axis("2"),
      series: (0..<4).map { group in
        .init(
          "class \(group)",
          [.init(x: Double(group), y: 1, name: "<\(group)>.jpg"), .init(x: .nan, y: 0, name: "lost")])
      })
    let elements = try #require(Elements(plot.picture.svg))
    let spots = elements.styled("spot")
    #expect(spots.map(\.name) == ["circle", "polygon", "polygon", "polygon"])
    #expect(Set(spots.dropFirst().map { Elements.points($0.attributes).count }) == [3, 4])
    let x = elements.places("x")
    #expect(Double(spots[0].attributes["cx"]!) == x["0.0"] ?? x["0"])
    #expect(elements.named("title").map(\.text).contains("class 3, <3>.jpg: 3, 1"))
    #expect(plot.alternativeText.contains("class 2: 1 points around (2, 1)"))
  }

  @Test func asManyGroupsLookDifferentAsALegendNames() throws {
    let names = (0..<24).map { "class \($0)" }
    let points = ScatterPlot(
      "t-SNE", x: Axis("1"), y: Axis("2"),
      series: names.enumerated().map { .init($1, [.init(x: Double($0), y: 1, name: "a")]) })
    let lines = LinePlot(
      "Loss", x: Axis("1"), y: Axis("2"), series: names.map { .init($0, [(1, 2)]) })
    for (plot, style) in [(points as any Figure, "spot"), (lines as any Figure, "mark")] {
      let elements = try #require(Elements(plot.picture.svg))
      #expect(Set(elements.named("text").map(\.text)).isSuperset(of: names))
      // The corners of squares and diamonds, from their middle.
      let looks = elements.styled(style).map { spot -> String in
        let shape =
          spot.name == "circle"
          ? "circle"
          : {
            let corners = Elements.points(spot.attributes)
            return "\(corners.count) \(corners[0].x == corners.map(\.x).min())"
          }()
        return "\(spot.attributes["class"]!) \(shape)"
      }
      #expect(Set(looks).count == 24)
    }
  }

  /// What a viewer of files without CSS variables sees, too.
  @Test func aPNGHasTheSizeAndTheColoursOfItsPicture() throws {
    let folder = try TemporaryFolder()
    let figure = map([[0, 1]])
    try figure.writePNG(to: folder.file("map.png"))
    let png = try bytes(ofFile: folder.file("map.png"))
    #expect(png.prefix(8) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    func number(_ place: Int) -> Int { png[place..<place + 4].reduce(0) { $0 << 8 | Int($1) } }
    #expect(
      number(16) == Int(figure.picture.width * 2)
        && number(20) == Int((figure.picture.height * 2).rounded(.up)))
    // Text, lines and colours make it anything but blank.
    #expect(png.count > 4000)
  }

  @Test func aPictureForAWallIsRefused() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: InputError.self) {
      try map([[0, 1]]).writePNG(to: folder.file("map.png"), scale: 100)
    }
    #expect(error?.reason.contains("46000 x") == true)
    #expect(!FileManager.default.fileExists(atPath: folder.file("map.png")))
  }

  @Test func filesHavePlainNamesEachOnce() {
    let names = NamedFigure.fileNames(["a b", "../etc", "a/b", "A_B", "\u{e4}", "\u{fc}", "", "x\0y"])
    #expect(names == ["a_b", "_.._etc", "a_b-2", "A_B-3", "_", "_-2", "figure", "x_y"])
  }

  @Test func deviationsReachToBothSidesOfTheirBars() throws {
    let plot = BarPlot(
      "Top-1", categories: ["cls", "pos"], axis: Axis("top-1", unit: "%", includes: [100]),
      series: [.init("mae", [50, 40], deviations: [10, 0])])
    let elements = try #require(Elements(plot.picture.svg))
    let x = elements.places("x")
    func place(_ value: Double) throws -> Double {
      try #require(x["0"]) + (#require(x["100"]) - #require(x["0"])) * value / 100
    }
    let across = elements.styled("spread").filter { $0.attributes["y1"] == $0.attributes["y2"] }
    #expect(across.count == 1, "one bar has a deviation")
    #expect(try abs(Double(across[0].attributes["x1"]!)! - place(40)) < 0.11)
    #expect(try abs(Double(across[0].attributes["x2"]!)! - place(60)) < 0.11)
  }

  @Test func labelsThatDoNotFitAreTurnedAndNumbersAreNot() throws {
    func map(_ labels: [String]) -> HeatMap {
      HeatMap(
        "Classes", rows: .init("head", labels: ["a"]), columns: .init("class", labels: labels),
        scale: Axis("share"), values: [labels.indices.map { Double($0) }])
    }
    func turned(_ map: HeatMap) throws -> [String] {
      try #require(Elements(map.picture.svg)).named("text")
        .filter { $0.attributes["transform"] != nil && $0.attributes["class"] == "tick" }.map(\.text)
    }
    let names = (0..<10).map { "a class of number \($0)" }
    #expect(try turned(map(names)) == names)
    #expect(try turned(map(["cat", "dog"])).isEmpty)
    #expect(try turned(map((1000..<1040).map(String.init))).isEmpty)
    #expect(map(names).picture.height > map(["cat", "dog"]).picture.height + 60)
  }

  @Test func aLowMapHasRoomForTheNameBesideIt() throws {
    let map = HeatMap(
      "Grid", rows: .init("weight decay", labels: ["0"]),
      columns: .init("learning rate", labels: ["1", "2"]),
      scale: Axis("score"), values: [[1, 2]])
    let cells = try #require(Elements(map.picture.svg)).named("rect").filter {
      $0.attributes["width"] != "10"
    }
    #expect(cells.count == 2)
    #expect(cells.allSatisfy { Double($0.attributes["height"]!)! > 12 * 6.6 })
  }

  @Test func namesStandBesidePointsAndNotOnOthers() throws {
    let points = [(0.0, 0.0, "one"), (1.0, 1.0, "two"), (1.0001, 1.0001, "three"), (1.0002, 1.0002, "four")]
    let plot = ScatterPlot(
      "Costs", x: Axis("time"), y: Axis("score"),
      series: [.init("all", points.map { .init(x: $0.0, y: $0.1, name: $0.2) })], showsNames: true)
    let texts = try #require(Elements(plot.picture.svg)).named("text")
    let names = texts.filter { ["one", "two", "three", "four"].contains($0.text) }
    #expect(names.map(\.text).contains("one") && names.map(\.text).contains("two"))
    let places = names.map {
      (x: Double($0.attributes["x"]!)!, y: Double($0.attributes["y"]!)!, text: $0.text)
    }
    for (index, place) in places.enumerated() {
      for other in places[..<index] {
        let areApart = abs(place.y - other.y) >= 12 || abs(place.x - other.x) >= 6 * 3
        #expect(areApart, "\(place.text) covers \(other.text)")
      }
    }
  }

  @Test func hundredsOfSeriesHaveNoLegend() throws {
    let series = (0..<30).map { ScatterPlot.Series("class \($0)", [.init(x: Double($0), y: 0, name: "p")]) }
    let plot = ScatterPlot("Many", x: Axis("x"), y: Axis("y"), series: series)
    let texts = try #require(Elements(plot.picture.svg)).named("text").map(\.text)
    #expect(!texts.contains("class 0"))
    #expect(plot.alternativeText.hasSuffix("and 6 more."))
  }
}
