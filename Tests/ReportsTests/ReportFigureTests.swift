import Compute
import Evaluation
import Heads
import Reporting
import Reports
import TestSupport
import Testing
import Training

/// The numbers in the figures of a report.
@Suite struct ReportFigureTests {
  private func tips(_ figure: any Figure) throws -> [String] {
    try #require(Elements(figure.picture.svg)).named("title").dropFirst().map(\.text)
  }

  // MARK: - Learning

  private func board() throws -> Leaderboard {
    try Leaderboard(
      [
        SampleRun(path: "a", seed: 0, top1: 0.4), SampleRun(path: "b", seed: 1, top1: 0.6),
        SampleRun(path: "c", head: .abmilp(depth: 1), top1: 0.8, parameterCount: 1000, secondsPerEpoch: 30),
        SampleRun(path: "d", encoder: "other", top1: 0.2, parameterCount: 10),
      ].map(\.reported))
  }

  @Test func curvesAreMeansOverSeedsWithTheirSpread() throws {
    let figure = try #require(
      try LearningFigures(board()).curves.first { $0.fileName == "curve-validation-score" })
    let tips = try tips(figure.figure)
    #expect(tips.contains("vit: cls: 25 at 1") && tips.contains("vit: cls: 50 at 2"))
    #expect(tips.contains("vit: abmilp depth 1 all: 80 at 2"))
    #expect(try #require(Elements(figure.figure.picture.svg)).styled("band").count == 1)
    #expect(figure.figure.alternativeText.contains("vit: cls: from 25 at 1 to 50 at 2"))
  }

  @Test func costsAreParametersAndTime() throws {
    let costs = try LearningFigures(board()).costs
    #expect(try tips(costs[0].figure).contains("vit, abmilp depth 1 all: 1000, 80"))
    #expect(try tips(costs[1].figure).contains("vit: abmilp depth 1 all: 80 at 60"))
    // The heads' names stand beside their points.
    let texts = try #require(Elements(costs[0].figure.picture.svg)).named("text").map(\.text)
    #expect(texts.count { $0 == "cls" } == 2 && texts.contains("abmilp depth 1 all"))
  }

  @Test func barsAreOneAnEncoderAndHead() throws {
    let figure = try LearningFigures(board()).scores.figure
    #expect(
      try tips(figure) == ["abmilp depth 1 all, vit: 80.0", "cls, vit: 50.0", "cls, other: 20.0"])
    let spread = try #require(Elements(figure.picture.svg)).styled("spread")
    #expect(spread.count == 3, "one line across with two ends")
  }

  // MARK: - Grids

  @Test func aGridOfOneSideIsAMapOfHeads() throws {
    let runs = [0.1, 1].flatMap { rate in
      [
        SampleRun(path: "a\(rate)", learningRate: rate, top1: 0.9, heldOut: rate / 2),
        SampleRun(
          path: "b\(rate)", head: .abmilp(depth: 1), learningRate: rate, top1: 0.9, heldOut: rate / 4),
      ]
    }
    let figure = try #require(GridFigures(Leaderboard(runs.map(\.reported))).maps.first)
    #expect(
      try tips(figure.figure).prefix(4) == [
        "head cls, learning rate 0.1: 5", "head cls, learning rate 1: 50",
        "head abmilp depth 1 all, learning rate 0.1: 2.5", "head abmilp depth 1 all, learning rate 1: 25",
      ])
  }

  @Test func aGridOfTwoSidesIsAMapForEachHead() throws {
    var runs = [0.1, 1].flatMap { rate in
      [0, 0.5].map { decay in
        SampleRun(
          path: "\(rate) \(decay)", learningRate: rate, weightDecay: Float(decay), top1: rate / 2,
          heldOut: decay)
      }
    }
    runs[3].hasFailed = true
    let maps = try GridFigures(Leaderboard(runs.map(\.reported))).maps
    #expect(maps.count == 1 && maps[0].caption == "Chosen: learning rate 0.1, weight decay 0.5.")
    #expect(
      try tips(maps[0].figure).prefix(4) == [
        "weight decay 0, learning rate 0.1: 0", "weight decay 0, learning rate 1: 0",
        "weight decay 0.5, learning rate 0.1: 50", "weight decay 0.5, learning rate 1: none",
      ])
    #expect(try GridFigures(Leaderboard([SampleRun().reported])).maps.isEmpty)
  }

  // MARK: - Classes

  /// A head that was measured on images of some classes, with one prediction each.
  private func examined(
    _ name: String, _ classNames: [String], _ pairs: [(label: Int, best: Int)]
  ) -> ExaminedHead {
    var collector = MetricsCollector(classCount: classNames.count, withConfusion: true)
    let predictions = pairs.map { pair in
      Prediction(best: pair.best, labelRank: pair.best == pair.label ? 0 : 1, confidence: 0.75, loss: 1)
    }
    collector.add(predictions, labels: pairs.map { Int32($0.label) })
    return ExaminedHead(
      name,
      Examination(
        cacheName: "val", imageCount: pairs.count, areItsImages: true, classNames: classNames,
        TrainedHead.Measurement(
          metrics: collector.metrics, classes: collector.classScores, calibration: collector.calibration,
          confusion: collector.confusion), embedding: .none("there are none")))
  }

  private let names = ["cat", "dog", "eel"]

  @Test func classScoresAreSharesOfTheirImages() throws {
    let figures = ClassFigures(
      [
        examined("good", names, [(0, 0), (0, 0), (1, 1), (1, 0)]),
        examined("bad", names, [(0, 1), (0, 0), (1, 0), (1, 0)]),
      ], isOfSets: false)
    #expect(
      try tips(figures.scores.figure).prefix(6) == [
        "head good, class cat: 100", "head good, class dog: 50", "head good, class eel: none",
        "head bad, class cat: 50", "head bad, class dog: 0", "head bad, class eel: none",
      ])
    #expect(figures.csv == "class,images,good,bad\ncat,2,1.0,0.5\ndog,2,0.5,0.0\neel,0,,\n")
    #expect(figures.extremes == nil)
  }

  @Test func confusionsAreSharesOfTheTrueClass() throws {
    let figures = ClassFigures(
      [examined("good", names, [(0, 0), (0, 0), (0, 1), (0, 2), (1, 0)])], isOfSets: false)
    #expect(
      try tips(#require(figures.confusions.first).figure).prefix(9) == [
        "class cat, taken for cat: 50", "class cat, taken for dog: 25", "class cat, taken for eel: 25",
        "class dog, taken for cat: 100", "class dog, taken for dog: 0", "class dog, taken for eel: 0",
        "class eel, taken for cat: none", "class eel, taken for dog: none", "class eel, taken for eel: none",
      ])
    #expect(
      figures.mistakes?.rows == [
        ["cat", "dog", "1", "25.0"], ["cat", "eel", "1", "25.0"], ["dog", "cat", "1", "100.0"],
      ])
  }

  @Test func ofManyClassesTheMostConfusedAreShown() throws {
    let many = (0..<60).map { "class \($0)" }
    // All are right but 40, which is taken for 41 in all of its images, and 50, in one of its two.
    let pairs = (0..<120).map { image in
      let label = image / 2
      let isMistaken = label == 40 || label == 50 && image % 2 == 1
      return (label: label, best: isMistaken ? 41 : label)
    }
    let right = (0..<60).map { (label: $0, best: $0) }
    let figures = ClassFigures(
      [examined("one", many, pairs), examined("two", many, right)], isOfSets: false)
    let map = try #require(figures.confusions.first)
    #expect(map.caption.contains("25 of 60 classes"))
    let tips = try tips(map.figure)
    #expect(tips.contains("class class 40, taken for class 41: 100"))
    #expect(tips.contains("class class 50, taken for class 41: 50"))
    let extremes = try #require(figures.extremes)
    #expect(extremes.rows[0] == ["class 40", "hardest", "2", "0.0", "100.0"])
    #expect(extremes.rows[1] == ["class 50", "hardest", "2", "50.0", "100.0"])
    #expect(extremes.rows[20] == ["class 40", "gains least", "2", "0.0", "100.0"])
    let curve = try #require(figures.scores.figure as? LinePlot)
    #expect(
      Array(curve.series[0].points.map(\.y).prefix(3)) == [0, 50, 100] && curve.series[0].points.count == 60)
  }

  @Test func calibrationIsThatOfTheMetric() throws {
    // Confidence 0.75 with half of the images right.
    let head = examined("good", names, [(0, 0), (0, 1)])
    let figures = CalibrationFigures([head])
    #expect(figures.table?.rows == [["good", "25.0"]])
    #expect(try tips(figures.figures[0].figure) == ["good: 50 at 75"])
    let elements = try #require(Elements(figures.figures[0].figure.picture.svg))
    // The legend's sample stands before it.
    let line = try #require(elements.styled("reference").last).attributes
    let (x, y) = (elements.places("x"), elements.places("y").mapValues { $0 - 4 })
    #expect(Double(line["x1"]!) == x["0"] && Double(line["x2"]!) == x["100"])
    #expect(Double(line["y1"]!) == y["0"] && Double(line["y2"]!) == y["100"])
    let histogram = try #require(figures.figures[1].figure as? Histogram)
    #expect(histogram.series[0].counts == (0..<15).map { $0 == 11 ? 2 : 0 })
  }
}
