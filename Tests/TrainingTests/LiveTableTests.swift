import Compute
import Evaluation
import Files
import Foundation
import Heads
import Reading
import Reporting
import TestSupport
import Testing
import Training

@Suite struct LiveTableTests {
  private func run(
    _ features: HeadDescription.Features, peak: Double = 0.1, decay: Float = 0, seed: UInt64 = 0
  )
    -> PlannedRun
  {
    PlannedRun(
      TrainingConfiguration(
        head: HeadDescription(features: features),
        optimizer: OptimizerDescription(.sgd, momentum: 0.9, weightDecay: decay),
        schedule: LearningRateSchedule(peak: peak, minimum: 0, warmupEpochs: 0, epochs: 4), epochs: 4,
        batchSize: 16, accumulation: 1, seed: seed), RunFolder("/no/folder"))
  }

  private func record(
    _ epoch: Int, top1: Double, heldOut: Double? = nil, precision: Double? = nil
  ) -> EpochRecord {
    func metrics(_ top1: Double) -> Metrics {
      Metrics(
        imageCount: 100, loss: 1 - top1 / 2, top1: top1, top5: 1, meanClassAccuracy: top1,
        meanAveragePrecision: precision)
    }
    return EpochRecord(
      epoch: epoch, learningRate: 0.1, trainLoss: 0.25, trainTop1: 0.875, validation: metrics(top1),
      heldOut: heldOut.map(metrics), seconds: 1, imagesPerSecond: 1)
  }

  private func lines(_ table: LiveTable, columns: Int = 200, rows: Int = 22) -> [String] {
    table.lines(in: TerminalSize(columns: columns, rows: rows))
  }

  @Test func aSingleRunIsToldByItsLastAndBestEpoch() {
    let table = LiveTable([run(.cls)])
    #expect(
      lines(table) == [
        "head  epoch  train loss  train top-1  val loss  val top-1  best (epoch)  val by epoch",
        "cls     0/4",
      ])
    table.add([
      .init(number: 0, records: [record(0, top1: 0.5), record(1, top1: 0.75), record(2, top1: 0.625)])
    ])
    #expect(
      lines(table) == [
        "head  epoch  train loss  train top-1  val loss  val top-1  best (epoch)  val by epoch",
        "cls     3/4       0.250       87.5 %     0.688     62.5 %    75.0 % (2)  ▁█▅",
      ])
  }

  @Test func theBestComeFirstAndCurvesCompare() {
    let table = LiveTable([
      run(.cls, peak: 0.1), run(.cls, peak: 10), run(.pos, peak: 0.1), run(.pos, peak: 10), run(.both),
    ])
    table.add([
      .init(number: 0, records: [record(0, top1: 0.5)]), .init(number: 1, records: [record(0, top1: 0.125)]),
      .init(number: 2, records: [record(0, top1: 0.5)]), .init(number: 3, records: [record(0, top1: 0.9)]),
    ])
    table.add([
      .init(number: 0, records: [record(1, top1: 0.25)]),
      .init(number: 1, records: [], failure: "weights became infinite"),
      .init(number: 2, records: [record(1, top1: 0.25)]), .init(number: 3, records: [record(1, top1: 0.875)]),
    ])
    #expect(
      lines(table) == [
        "head   lr     epoch  train loss  train top-1  val loss  val top-1  best (epoch)  val by epoch",
        "pos    10       2/4       0.250       87.5 %     0.562     87.5 %    90.0 % (1)  ██",
        "cls   0.1       2/4       0.250       87.5 %     0.875     25.0 %    50.0 % (1)  ▄▂",
        "pos   0.1       2/4       0.250       87.5 %     0.875     25.0 %    50.0 % (1)  ▄▂",
        "both  0.1       0/4",
        "cls    10  given up       0.250       87.5 %     0.938     12.5 %    12.5 % (1)  ▁",
      ])
  }

  @Test func settingsAreShownThatDiffer() {
    #expect(
      lines(LiveTable([run(.cls, decay: 0), run(.cls, decay: 0.01)]))[0].hasPrefix("head  decay  epoch"))
    #expect(lines(LiveTable([run(.cls, seed: 0), run(.cls, seed: 1)]))[0].hasPrefix("head  seed  epoch"))
    #expect(lines(LiveTable([run(.cls), run(.pos)]))[0].hasPrefix("head  epoch"))
  }

  /// A sweep selects by the images held out, and so does the order.
  @Test func heldOutImagesDecideTheOrder() {
    let table = LiveTable([run(.cls), run(.pos)])
    table.add([
      .init(number: 0, records: [record(0, top1: 0.75, heldOut: 0.5)]),
      .init(number: 1, records: [record(0, top1: 0.5, heldOut: 0.625)]),
    ])
    #expect(
      lines(table).map { $0.split(separator: "  ").map { $0.trimmingCharacters(in: .whitespaces) } }
        .dropFirst() == [
          ["pos", "1/4", "0.250", "87.5 %", "0.750", "50.0 %", "50.0 % (1)", "62.5 %", "▁"],
          ["cls", "1/4", "0.250", "87.5 %", "0.625", "75.0 %", "75.0 % (1)", "50.0 %", "█"],
        ])
  }

  @Test func imagesOfSeveralLabelsAreTakenByPrecision() {
    let table = LiveTable([run(.cls)])
    table.add([.init(number: 0, records: [record(0, top1: 0.75, precision: 0.375)])])
    #expect(lines(table)[0].contains("val mAP") && lines(table)[1].contains("37.5 % (1)"), "\(lines(table))")
  }

  @Test func whatHasNoRoomIsCounted() {
    let table = LiveTable((0..<130).map { run(.cls, seed: $0) })
    table.add((0..<130).map { .init(number: $0, records: [record(0, top1: Double($0) / 130)]) })
    #expect(lines(table).count == 14 && lines(table).last == "and 118 more")
    #expect(lines(table)[1].hasPrefix("cls    129"))
    #expect(lines(table, rows: 5).count == 5 && lines(table, rows: 5).last == "and 127 more")
    #expect(lines(table, rows: 3).count == 3)
    for rows in 0...2 where rows > 0 { #expect(lines(table, rows: rows) == []) }
    let two = LiveTable([run(.cls), run(.pos)])
    #expect(lines(two, rows: 3).count == 3 && lines(two, rows: 3).last == "pos     0/4")
  }

  /// Heads that learn one after the other: the best of all is told, and not of those that learned last.
  @Test func theStandingIsOfAllHeads() {
    let table = LiveTable([run(.cls), run(.both), run(.pos)])
    #expect(table.standing == "")
    table.add([.init(number: 0, records: [record(0, top1: 0.25), record(1, top1: 0.75)])])
    table.add([.init(number: 1, records: [record(0, top1: 0.5)])])
    #expect(table.standing == "best val top-1 75.0 %")
    table.add([
      .init(number: 2, records: [record(0, top1: 0.875)]),
      .init(number: 2, records: [], failure: "weights became infinite"),
    ])
    #expect(table.standing == "best val top-1 75.0 %")
    let single = LiveTable([run(.cls)])
    single.add([.init(number: 0, records: [record(0, top1: 0.75, precision: 0.375)])])
    #expect(single.standing == "val mAP 37.5 %")
  }

  /// Scores stay as they are, where a name can be cut.
  @Test func namesAreCutBeforeScores() {
    let head = run(.cls)
    var long = run(.pos)
    long.configuration.head = HeadDescription(features: .abmilp, abmilp: AbMILPDescription())
    let table = LiveTable([head, long])
    table.add((0..<2).map { .init(number: $0, records: [record(0, top1: 0.5)]) })
    let name = long.configuration.head.name
    #expect(name.count > 12, "\(name)")
    let lines = lines(table, columns: 33)
    #expect(lines.allSatisfy { $0.count < 33 }, "\(lines)")
    #expect(lines[1].hasSuffix("50.0 %") && lines[2].hasSuffix("50.0 %"), "\(lines)")
    #expect(lines[2].hasPrefix(name.prefix(7)) && lines[2].contains("\u{2026}"), "\(lines)")
  }

  @Test func lossesWithoutBoundHaveRoom() {
    let table = LiveTable([run(.cls)])
    let batch = TrainingMeans(loss: 1.25e30, top1: 0.5)
    table.add([
      .init(
        number: 0,
        records: [
          EpochRecord(
            epoch: 0, learningRate: 0.1, trainLoss: batch.loss, trainTop1: batch.top1,
            validation: record(0, top1: 0.5).validation, heldOut: nil, seconds: 1, imagesPerSecond: 1)
        ])
    ])
    #expect(lines(table)[1].contains(" 1.25e+30 "), "\(lines(table))")
  }

  /// Names, settings and what is selected by stay.
  @Test func columnsGoOneByOne() {
    let table = LiveTable([run(.cls), run(.pos)])
    table.add((0..<2).map { .init(number: $0, records: [record(0, top1: 0.5, heldOut: 0.5)]) })
    var widths: [Int] = []
    for columns in stride(from: 130, to: 20, by: -1) {
      let lines = lines(table, columns: columns)
      widths.append(lines.map(\.count).max()!)
      #expect(widths.last! < columns || columns < 35, "\(lines)")
      #expect(lines[0].hasPrefix("head") && lines[0].contains("held-out top-1"))
    }
    #expect(Set(widths).count == 7)
    #expect(zip(widths, widths.dropFirst()).allSatisfy { $0 >= $1 })
  }

  /// Losses move with every batch, from the first one on, and end as the epoch's.
  @Test func theRunningEpochIsShown() throws {
    let caches = try SampleCaches()
    let runs = [HeadDescription.Features.cls, .both].map { features in
      PlannedRun(run(features).configuration, RunFolder(caches.folder.file("sweep/runs/\(features)")))
    }
    let table = LiveTable(runs)
    var cells: [[String]] = []
    var last: [TrainingMeans?] = [nil, nil]
    var observer = TrainingRun.Observer()
    observer.onBatch = { batch in
      table.add(batch)
      cells.append(lines(table).compactMap { $0.split(separator: " ").dropFirst(2).first.map { String($0) } })
      for (number, means) in batch.means { last[number] = means }
    }
    observer.onEpoch = { news in
      for run in news {
        let record = run.records[0]
        #expect(last[run.number] == TrainingMeans(loss: record.trainLoss, top1: record.trainTop1))
      }
    }
    _ = try TrainingRun(
      runs, DataSources(train: [caches.train], validation: [caches.validation]),
      folder: RunFolder(caches.folder.file("sweep")), programVersion: "test",
      parallel: Parallel(threadCount: 1)
    ).run(.fresh, observer)
    // Titles, then the loss of the head that learns, then that of both.
    #expect(cells.count == 2 * 4 * 4 && cells[0].count == 2 && cells[16].count == 3, "\(cells)")
    #expect(Set(cells[..<4].map { $0[1] }).count == 4, "\(cells)")
  }

  /// The epochs that an earlier run did are part of the curve, of all heads.
  @Test func aResumedRunGoesOnWithItsCurve() throws {
    let caches = try SampleCaches()
    let heads: [HeadDescription.Features] = [.cls, .pos]
    let runs = heads.map { features in
      PlannedRun(run(features).configuration, RunFolder(caches.folder.file("sweep/runs/\(features)")))
    }
    func train(_ start: TrainingRun.Start, stoppingAfter limit: Int) throws -> LiveTable {
      let table = LiveTable(runs)
      var batches = 0
      var observer = TrainingRun.Observer()
      observer.onBatch = { _ in batches += 1 }
      observer.shouldStop = { batches >= limit }
      observer.onEpoch = { table.add($0) }
      _ = try TrainingRun(
        runs, DataSources(train: [caches.train], validation: [caches.validation]),
        folder: RunFolder(caches.folder.file("sweep")), programVersion: "test",
        parallel: Parallel(threadCount: 1)
      ).run(start, observer)
      return table
    }
    // Four batches an epoch; the heads learn one after the other: all epochs of the first and two of the second.
    let stopped = try train(.fresh, stoppingAfter: 4 * 4 + 2 * 4)
    #expect(lines(stopped).contains { $0.hasPrefix("pos     2/4") }, "\(lines(stopped))")
    let resumed = try train(.resume, stoppingAfter: .max)
    let whole = try train(.overwrite, stoppingAfter: .max)
    #expect(lines(resumed) == lines(whole))
    #expect(lines(resumed).dropFirst().allSatisfy { $0.contains("4/4") })
    let curves = lines(resumed).dropFirst().compactMap { $0.split(separator: " ").last }
    #expect(curves.allSatisfy { $0.count == 4 }, "\(curves)")
  }
}
