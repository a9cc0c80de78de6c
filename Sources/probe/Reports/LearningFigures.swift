import Reporting
import Training

/// How heads learned, and what they cost.
package struct LearningFigures {
  /// More lines would not be told apart.
  private static let lineCount = 12

  private let leaderboard: Leaderboard

  package init(_ leaderboard: Leaderboard) { self.leaderboard = leaderboard }

  /// Entries whose curves are drawn: the best.
  private var entries: ArraySlice<Leaderboard.Entry> { leaderboard.entries.prefix(Self.lineCount) }

  /// Which runs the curves are of; nil where there is no choice.
  var explanation: String? {
    let sentences = [
      leaderboard.entries.contains { $0.settings.count > 1 }
        ? "Of the setting that was chosen for each head." : nil,
      leaderboard.entries.contains { $0.score.count > 1 }
        ? "Of several seeds the mean is drawn, with one standard deviation to either side." : nil,
    ].compactMap { $0 }
    return sentences.isEmpty ? nil : sentences.joined(separator: " ")
  }

  /// What the figures leave out; nil for nothing.
  var omission: String? {
    let count = leaderboard.entries.count
    return count > Self.lineCount ? "Of \(count) heads the \(Self.lineCount) best are drawn." : nil
  }

  /// More bars would make the page longer, not clearer.
  private static let barCount = 24

  /// Scores beside each other: a group a head, a bar an encoder.
  package var scores: NamedFigure {
    let entries = leaderboard.entries.prefix(Self.barCount)
    let heads = entries.map(\.head).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    let encoders = leaderboard.encoders
    let series = encoders.map { encoder in
      let scores = heads.map { head in entries.first { $0.head == head && $0.encoder == encoder }?.score }
      return BarPlot.Series(
        encoder, scores.map { 100 * ($0?.mean ?? .nan) },
        deviations: scores.map { 100 * ($0?.deviation ?? 0) })
    }
    let isPart = leaderboard.entries.count > entries.count
    return NamedFigure(
      fileName: "scores",
      figure: BarPlot(
        "Validation \(leaderboard.scoreName)", categories: heads,
        axis: .percentage("validation \(leaderboard.scoreName)"), series: series),
      caption: "After the last epoch"
        + (entries.contains { $0.score.count > 1 } ? ", with one standard deviation over seeds." : ".")
        + (isPart ? " The \(Self.barCount) best of \(leaderboard.entries.count)." : ""))
  }

  /// Learning curves: of several seeds their mean, and a band of their deviation.
  package var curves: [NamedFigure] {
    let score = leaderboard.isOfSets ? "mean average precision" : "top-1 accuracy"
    let curves: [(file: String, title: String, axis: Axis, caption: String, value: (EpochRecord) -> Double)] =
      [
        (
          "validation-score", "Validation \(score)", .percentage(score),
          "On the validation images after each epoch.", { 100 * $0.validation.score }
        ),
        (
          "validation-loss", "Validation loss", Axis("loss", unit: "nats"),
          "Mean loss of the validation images after each epoch.", { $0.validation.loss }
        ),
        (
          "training-score", "Training top-1 accuracy", .percentage("top-1 accuracy"),
          "Of each epoch's training images, while the weights change.", { 100 * $0.trainTop1 }
        ),
        (
          "training-loss", "Training loss", Axis("loss", unit: "nats"),
          "Mean loss of each epoch's training images, while the weights change.", { $0.trainLoss }
        ),
      ]
    return curves.map { curve in
      NamedFigure(
        fileName: "curve-" + curve.file,
        figure: LinePlot(
          curve.title, x: Axis("epoch", isWhole: true), y: curve.axis,
          series: entries.map { .init(leaderboard.name($0), points: Self.points($0.chosen, curve.value)) },
          size: .half),
        caption: curve.caption)
    }
  }

  private static func points(
    _ setting: Leaderboard.Setting, _ value: (EpochRecord) -> Double
  ) -> [LinePlot.Point] {
    let epochs = setting.runs.map(\.records.count).max() ?? 0
    return (0..<epochs).compactMap { epoch in
      guard
        let spread = Spread(
          setting.runs.filter { $0.records.count > epoch }.map { value($0.records[epoch]) })
      else { return nil }
      let (mean, deviation) = (spread.mean, spread.deviation)
      let hasBand = spread.count > 1 && (mean + deviation).isFinite
      return .init(
        x: Double(epoch + 1), y: mean, band: hasBand ? mean - deviation...mean + deviation : nil)
    }
  }

  /// What is gained for parameters and for time.
  package var costs: [NamedFigure] {
    let score = Axis.percentage("validation \(leaderboard.scoreName)")
    let parameters = ScatterPlot(
      "Score against parameters", x: Axis("trained parameters", isLogarithmic: true), y: score,
      series: leaderboard.encoders.map { encoder in
        .init(
          encoder,
          leaderboard.entries.filter { $0.encoder == encoder }.map {
            .init(x: Double($0.parameterCount), y: 100 * $0.score.mean, name: $0.head)
          })
      }, showsNames: true, size: .half)
    let time = LinePlot(
      "Score against time", x: Axis("training time", unit: "s", isLogarithmic: true), y: score,
      series: entries.map { .init(leaderboard.name($0), Self.progress($0.chosen.runs[0].records)) },
      size: .half)
    return [
      NamedFigure(
        fileName: "score-parameters", figure: parameters,
        caption: "After the last epoch; parameters that are trained, the classifier's among them."),
      NamedFigure(
        fileName: "score-time", figure: time,
        caption:
          "After each epoch of the first seed; time without measuring and without features that are computed "
          + "once. Heads that learned side by side share their time."),
    ]
  }

  private static func progress(_ records: [EpochRecord]) -> [(x: Double, y: Double)] {
    var seconds = 0.0
    return records.map { record in
      seconds += record.seconds
      return (seconds, 100 * record.validation.score)
    }
  }
}
