import Evaluation
import Reporting
import Synchronization

/// How the heads of a training stand, as a table that a terminal has room for: a row each, the best first.
///
/// Any thread may tell it what is new. Text is made when it is asked for.
public final class LiveTable: Sendable {
  /// More rows than this nobody takes in while they change.
  private static let rowLimit = 12
  private static let curveLimit = 16
  /// As few columns as a head's name still tells something in.
  private static let leastNameWidth = 8

  /// What is known of one run.
  private struct Row: Sendable {
    let configuration: TrainingConfiguration
    /// Of the epoch that is running, or of the last one.
    var training: TrainingMeans?
    var latest: EpochRecord?
    /// The first of the best.
    var best: (score: Double, epoch: Int)?
    /// Of the validation images, by epoch.
    var scores: [Double] = []
    var isGivenUp = false

    var curve: [Double?] { Sparkline.cells(scores, of: configuration.epochs, limit: curveLimit) }

    mutating func add(_ record: EpochRecord) {
      let score = record.validation.score
      training = TrainingMeans(loss: record.trainLoss, top1: record.trainTop1)
      latest = record
      scores.append(score)
      if best == nil || score > best!.score { best = (score, record.epoch) }
    }

    /// What a sweep will select by; what has no score yet comes behind what has, heads that were given up come last, and
    /// equals in the order that they were planned in.
    func rank(_ number: Int) -> (Int, Double, Int) {
      guard !isGivenUp else { return (2, 0, number) }
      guard let latest else { return (1, 0, number) }
      return (0, -(latest.heldOut ?? latest.validation).score, number)
    }
  }

  /// A column and what it shows of a run.
  private struct Column: Sendable {
    let column: Table.Column
    /// In a narrow terminal the lowest go first; nil stays.
    var importance: Int?
    let cell: @Sendable (Row) -> String?
  }

  private let rows: Mutex<[Row]>
  /// What tells runs of one head apart.
  private let settings: [Column]

  public init(_ runs: [PlannedRun]) {
    rows = Mutex(runs.map { Row(configuration: $0.configuration) })
    settings = Self.settings(runs.map(\.configuration))
  }

  public func add(_ batch: TrainingRun.Batch) {
    rows.withLock { rows in
      for (number, means) in batch.means { rows[number].training = means }
    }
  }

  public func add(_ news: [TrainingRun.News]) {
    rows.withLock { rows in
      for run in news {
        for record in run.records { rows[run.number].add(record) }
        rows[run.number].isGivenUp = run.failure != nil
      }
    }
  }

  /// How the heads stand in a few words, as in `val top-1 71.3 %`, or of several `best val top-1 71.3 %`: the best of the
  /// last scores of all heads that were not given up. Empty where there is none yet.
  public var standing: String {
    let rows = rows.withLock { $0 }
    let measured = rows.compactMap { $0.isGivenUp ? nil : $0.latest?.validation }
    guard let best = measured.max(by: { $0.score < $1.score }) else { return "" }
    return "\(rows.count > 1 ? "best " : "")val \(Self.scoreName(rows)) \(share(best.score))"
  }

  private static func scoreName(_ rows: [Row]) -> String {
    rows.contains { $0.latest?.validation.meanAveragePrecision != nil } ? "mAP" : "top-1"
  }

  /// - Parameter size: of the place. Columns that have no room are left out, and rows counted instead.
  public func lines(in size: TerminalSize) -> [String] {
    let rows = rows.withLock { $0 }
    let best = rows.enumerated().sorted { $0.element.rank($0.offset) < $1.element.rank($1.offset) }
      .map(\.element)
    // The titles and, where not all are shown, how many are not take a row each.
    var room = min(Self.rowLimit, size.rows - 1)
    if room < best.count { room = min(room, size.rows - 2) }
    guard room > 0 else { return [] }
    let shown = Array(best.prefix(room))
    let lines = table(of: shown, all: rows, columns: size.columns - 1).lines
    return shown.count == best.count ? lines : lines + ["and \(best.count - shown.count) more"]
  }

  private func table(of shown: [Row], all: [Row], columns limit: Int) -> Table {
    var columns = self.columns(shown, all)
    var nameLimit = Int.max
    while true {
      var table = Table(columns.map(\.column))
      for row in shown {
        table.append([name(row, limit: nameLimit)] + columns.dropFirst().map { $0.cell(row) ?? "" })
      }
      let excess = (table.lines.map(\.columnCount).max() ?? 0) - limit
      guard excess > 0 else { return table }
      if let least = columns.compactMap(\.importance).min() {
        columns.removeAll { $0.importance == least }
        continue
      }
      // A name that is cut tells more than a score that is.
      let longest = table.rows.map { $0[0].columnCount }.max() ?? 0
      let room = max(Self.leastNameWidth, longest - excess)
      guard room < longest else { return table }
      nameLimit = room
    }
  }

  private func name(_ row: Row, limit: Int) -> String {
    let name = row.configuration.head.name
    return name.columnCount <= limit ? name : "\(name.prefix(columns: limit - 1))\u{2026}"
  }

  private func columns(_ shown: [Row], _ all: [Row]) -> [Column] {
    let score = Self.scoreName(all)
    let hasHeldOut = all.contains { $0.latest?.heldOut != nil }
    var columns = [Column(column: .text("head")) { $0.configuration.head.name }]
    columns += settings
    columns.append(
      Column(column: .number("epoch")) {
        $0.isGivenUp ? "given up" : "\($0.scores.count)/\($0.configuration.epochs)"
      })
    columns += [
      Column(column: .number("train loss"), importance: 2) { $0.training.map { lossText($0.loss) } },
      Column(column: .number("train top-1"), importance: 0) { $0.training.map { share($0.top1) } },
      Column(column: .number("val loss"), importance: 1) { $0.latest.map { lossText($0.validation.loss) } },
      Column(column: .number("val \(score)"), importance: hasHeldOut ? 3 : nil) {
        $0.latest.map { share($0.validation.score) }
      },
      Column(column: .number("best (epoch)"), importance: 4) {
        $0.best.map { "\(share($0.score)) (\($0.epoch + 1))" }
      },
    ]
    if hasHeldOut {
      columns.append(
        Column(column: .number("held-out \(score)")) { $0.latest?.heldOut.map { share($0.score) } })
    }
    // A file of an earlier version may hold what is no number.
    let values = shown.flatMap(\.curve).compactMap { $0 }.filter(\.isFinite)
    let range = (values.min() ?? 0)...(values.max() ?? 0)
    columns.append(
      Column(column: .text("val by epoch"), importance: 5) { Sparkline.text($0.curve, in: range) })
    return columns
  }

  private static func settings(_ configurations: [TrainingConfiguration]) -> [Column] {
    let settings: [(title: String, value: @Sendable (TrainingConfiguration) -> String)] = [
      ("lr", { NumberText.significant($0.schedule.peak) }),
      ("decay", { NumberText.significant(Double($0.optimizer.weightDecay)) }),
      ("seed", { String($0.seed) }),
    ]
    return settings.compactMap { title, value in
      guard Set(configurations.map(value)).count > 1 else { return nil }
      return Column(column: .number(title)) { value($0.configuration) }
    }
  }
}

private func lossText(_ loss: Double) -> String { NumberText.loss(loss) }
private func share(_ share: Double) -> String { NumberText.percentage(share) }
