import Reporting
import Training

/// The grids of sweeps: what each learning rate and weight decay was worth.
package struct GridFigures {
  private let leaderboard: Leaderboard

  package init(_ leaderboard: Leaderboard) { self.leaderboard = leaderboard }

  private var swept: [Leaderboard.Entry] { leaderboard.entries.filter { $0.settings.count > 1 } }

  /// Whether the maps show scores on held-out images, as settings are chosen by.
  private var areHeldOut: Bool { swept.allSatisfy { $0.choice == .heldOut } }

  /// What the numbers are.
  package var explanation: String {
    "Scores are \(leaderboard.scoreName) on "
      + (areHeldOut ? "the held-out training images that settings are chosen by" : "the validation images")
      + ", means over seeds. A setting that was not tried, or of which no head is left, is empty."
      + (maps.count > 1 ? " Each map has its own range of colours." : "")
  }

  /// A map of learning rates by heads where these are all that varies, and else one of learning rates by weight decays for
  /// each head; none without a sweep.
  package var maps: [NamedFigure] {
    let rates = axis(swept) { $0.learningRate }
    let decays = axis(swept) { Double($0.weightDecay) }
    if decays.count == 1 { return overview("learning rate", rates) { $0.learningRate } }
    if rates.count == 1 { return overview("weight decay", decays) { Double($0.weightDecay) } }
    return swept.enumerated().map { index, entry in
      let rates = axis([entry]) { $0.learningRate }
      let decays = axis([entry]) { Double($0.weightDecay) }
      return NamedFigure(
        fileName: "grid-\(index + 1)-\(leaderboard.name(entry))",
        figure: HeatMap(
          "Learning rates and weight decays", of: leaderboard.name(entry),
          rows: .init("weight decay", labels: decays.map(text)),
          columns: .init("learning rate", labels: rates.map(text)), scale: scale,
          values: decays.map { decay in
            rates.map { rate in
              score(entry) { $0.learningRate == rate && Double($0.weightDecay) == decay }
            }
          }),
        caption: chosen(entry))
    }
  }

  private func overview(
    _ name: String, _ values: [Double], _ value: (Leaderboard.Setting) -> Double
  ) -> [NamedFigure] {
    guard !swept.isEmpty else { return [] }
    let figure = HeatMap(
      "Heads by \(name)s", rows: .init("head", labels: swept.map(leaderboard.name)),
      columns: .init(name, labels: values.map(text)), scale: scale,
      values: swept.map { entry in values.map { wanted in score(entry) { value($0) == wanted } } },
      size: .full)
    return [
      NamedFigure(fileName: "grid", figure: figure, caption: "The \(name)s that were tried for each head.")
    ]
  }

  private var scale: Axis { .percentage(leaderboard.scoreName) }

  private func axis(
    _ entries: [Leaderboard.Entry], _ value: (Leaderboard.Setting) -> Double
  ) -> [Double] {
    Set(entries.flatMap { $0.settings.map(value) }).sorted()
  }

  private func score(
    _ entry: Leaderboard.Entry, where isWanted: (Leaderboard.Setting) -> Bool
  ) -> Double? {
    guard let setting = entry.settings.first(where: isWanted) else { return nil }
    return (areHeldOut ? setting.heldOutScore : setting.score).map { 100 * $0.mean }
  }

  private func chosen(_ entry: Leaderboard.Entry) -> String {
    "Chosen: learning rate \(text(entry.chosen.learningRate)), weight decay \(text(Double(entry.chosen.weightDecay)))."
  }

  private func text(_ value: Double) -> String { NumberText.significant(value, 4) }
}
