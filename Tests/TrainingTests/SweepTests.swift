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

/// Many heads in one run.
@Suite struct SweepTests {
  private let caches: SampleCaches

  init() throws { caches = try SampleCaches() }

  private static let heads = [
    HeadDescription(features: .cls), HeadDescription(features: .both), HeadDescription(features: .raw),
    HeadDescription(features: .abmilp, abmilp: AbMILPDescription(content: .patch)),
    HeadDescription(features: .abmilp, abmilp: AbMILPDescription(depth: 2, selfAttention: .both)),
    HeadDescription(features: .ep, attentive: AttentiveDescription(queryCount: 4)),
    HeadDescription(features: .simpool, attentive: AttentiveDescription(content: .all)),
  ]

  private func configuration(
    _ head: HeadDescription, seed: UInt64 = 0, peak: Double = 0.05,
    optimizer: OptimizerDescription.Algorithm = .adamw, heldOut: Double? = nil,
    products: MatrixProducts = .float32
  ) -> TrainingConfiguration {
    TrainingConfiguration(
      head: head, optimizer: OptimizerDescription(optimizer, momentum: 0.9, weightDecay: 0),
      schedule: LearningRateSchedule(peak: peak, minimum: 0, warmupEpochs: 1, epochs: 4), epochs: 4,
      batchSize: 16, accumulation: 1, products: products, seed: seed,
      data: DataSelection(heldOutFraction: heldOut))
  }

  /// Two seeds of each head, one of which has its operands rounded.
  private var grid: [TrainingConfiguration] {
    Self.heads.flatMap { head in
      [configuration(head, seed: 0), configuration(head, seed: 1, products: .bfloat16)]
    }
  }

  private func folders(_ name: String, count: Int) -> [RunFolder] {
    (0..<count).map { RunFolder(caches.folder.file("\(name)/runs/\($0)-head")) }
  }

  private func sweep(
    _ configurations: [TrainingConfiguration], to name: String, start: TrainingRun.Start = .fresh,
    threads: Int = 2, writesTensorBoard: Bool = true, headsAtOnce: Int = .max, validation: String? = nil,
    stoppingAfterBatches limit: Int = .max
  ) throws -> [RunResult]? {
    var batches = 0
    var observer = TrainingRun.Observer()
    observer.onBatch = { _ in batches += 1 }
    observer.shouldStop = { batches >= limit }
    let runs = zip(configurations, folders(name, count: configurations.count)).map { PlannedRun($0, $1) }
    let outcome = try TrainingRun(
      runs,
      DataSources(
        train: [caches.train], validation: [validation.map(caches.folder.file) ?? caches.validation]),
      folder: RunFolder(caches.folder.file(name)), writesTensorBoard: writesTensorBoard,
      headsAtOnce: headsAtOnce,
      programVersion: "test", parallel: Parallel(threadCount: threads)
    ).run(start, observer)
    guard case .finished(let results) = outcome else { return nil }
    return results
  }

  private func heads(_ name: String, count: Int) throws -> [[UInt8]] {
    try folders(name, count: count).map { try bytes(ofFile: $0.headFile) }
  }

  private func records(_ folder: RunFolder) throws -> [EpochRecord] {
    try JSONLines.read(folder.metricsFile, as: EpochRecord.self).map { record in
      var record = record
      (record.seconds, record.imagesPerSecond) = (0, 0)
      return record
    }
  }

  @Test func aHeadOfManyIsTheOneThatIsTrainedAlone() throws {
    let grid = grid
    _ = try sweep(grid, to: "many")
    let many = try heads("many", count: grid.count)
    for (index, configuration) in grid.enumerated() {
      _ = try sweep([configuration], to: "alone\(index)", threads: 1)
      let name = Comment(rawValue: configuration.head.name)
      #expect(try heads("alone\(index)", count: 1)[0] == many[index], name)
      #expect(
        try records(folders("alone\(index)", count: 1)[0]) == records(folders("many", count: 14)[index]), name
      )
    }
  }

  @Test func groupsOfHeadsBecomeWhatAllAtOnceBecome() throws {
    let grid = grid
    _ = try sweep(grid, to: "once")
    #expect(try sweep(grid, to: "groups", headsAtOnce: 3, stoppingAfterBatches: 50) == nil)
    _ = try sweep(grid, to: "groups", start: .resume, headsAtOnce: 3)
    #expect(try heads("once", count: grid.count) == heads("groups", count: grid.count))
  }

  /// In the first epoch of the first heads, between two kinds of heads, and in the last ones.
  @Test(arguments: [0, 3, 9, 16, 17, 34, 47])
  func aStoppedSweepGoesOnToTheSameHeads(batches: Int) throws {
    let grid = grid
    _ = try sweep(grid, to: "whole")
    #expect(try sweep(grid, to: "parts", stoppingAfterBatches: batches) == nil)
    #expect(try sweep(grid, to: "parts", start: .resume) != nil)
    #expect(try heads("whole", count: grid.count) == heads("parts", count: grid.count))
    for (whole, part) in zip(folders("whole", count: grid.count), folders("parts", count: grid.count)) {
      #expect(try records(whole) == records(part))
    }
  }

  @Test func aHeadThatIsGivenUpLeavesTheOthersAlone() throws {
    let good = Self.heads.map { configuration($0) }
    var mixed = good
    mixed.insert(configuration(Self.heads[3], peak: 1e38, optimizer: .sgd), at: 4)
    mixed.insert(configuration(Self.heads[0], peak: 1e38, optimizer: .sgd), at: 0)
    let results = try #require(try sweep(mixed, to: "mixed"))
    for (index, result) in results.enumerated() {
      let isGivenUp = if case .failed = result { true } else { false }
      #expect(isGivenUp == [0, 5].contains(index), "\(index)")
    }
    _ = try sweep(good, to: "good")
    let kept = folders("mixed", count: mixed.count).enumerated().filter { ![0, 5].contains($0.offset) }
    #expect(
      try kept.map { try bytes(ofFile: $0.element.headFile) } == heads("good", count: good.count))
    // A sweep that is gone on with knows what was given up.
    let again = try #require(try sweep(mixed, to: "mixed", start: .resume))
    guard case .failed(let failure) = again[0] else {
      Issue.record("the head is back")
      return
    }
    #expect(failure.reason.contains("epoch") && failure.train.images == 68)
    // Its folder says what happened, and the sweep's where its runs are.
    for (path, text) in [("mixed/runs/0-head", failure.reason), ("mixed", "holds a sweep")] {
      let error = #expect(throws: InputError.self) { try RunFolder(caches.folder.file(path)).readSummary() }
      #expect(error?.reason.contains(text) == true, "\(error?.description ?? "")")
    }
    let listed = try SweepFolder.endedRuns(caches.folder.file("mixed"))
    #expect(listed.map(\.path) == folders("mixed", count: mixed.count).map(\.path))
    for (index, folder) in listed.enumerated() {
      let isGivenUp = if case .failed = try folder.readResult() { true } else { false }
      #expect(isGivenUp == [0, 5].contains(index), "\(index)")
    }
  }

  /// Patches of validation images that overflow in the features of one of the heads, which learned from others.
  @Test func aHeadWhoseValidationLossIsNoNumberIsGivenUp() throws {
    try caches.write("huge", rowCount: 30, as: "val", patchValue: 3e38) { $0.precision.tokens = .float32 }
    let configurations = [HeadDescription(features: .pos)] + Self.heads[..<1] + Self.heads[3...3]
    let results = try #require(
      try sweep(configurations.map { configuration($0) }, to: "huge-run", validation: "huge"))
    guard case .failed(let failure) = results[0] else {
      Issue.record("a head without a loss was not given up")
      return
    }
    #expect(failure.reason == "the validation loss became nan in epoch 0")
    #expect(try results[1].summary().final.validation.imageCount == 28)
  }

  @Test func heldOutImagesAreNotLearnedFrom() throws {
    let results = try #require(
      try sweep(
        [configuration(Self.heads[3], heldOut: 0.25), configuration(Self.heads[0], heldOut: 0.25)], to: "held"
      ))
    for result in results {
      let summary = try result.summary()
      #expect(summary.train.images == 51)
      #expect(summary.final.heldOut?.imageCount == 17)
      #expect(summary.final.validation.imageCount == 28)
    }
    let run = try #require(try sweep([configuration(Self.heads[3])], to: "all"))
    #expect(try run[0].summary().final.heldOut == nil)
    #expect(try run[0].summary().train.images == 68)
  }

  @Test func theEncodersNormIsAppliedWhereAsked() throws {
    var normed = configuration(Self.heads[3])
    normed.data.tokenNorm = .final
    var fixed = configuration(Self.heads[1])
    fixed.data.tokenNorm = .final
    _ = try sweep([normed, fixed], to: "normed")
    _ = try sweep([configuration(Self.heads[3]), configuration(Self.heads[1])], to: "plain")
    let (a, b) = (try heads("normed", count: 2), try heads("plain", count: 2))
    #expect(a[0] != b[0] && a[1] != b[1])
    for folder in folders("normed", count: 2) {
      let trained = try TrainedHead(folder, parallel: Parallel(threadCount: 1))
      let tokens = try trained.data(paths: [caches.validation])
      #expect(
        try trained.measure(on: tokens, folder: caches.folder.path).metrics
          == trained.summary.final.validation)
    }
  }

  /// Every image is of its class and of the next one; what tells the class tells both.
  @Test func imagesMayHaveSeveralLabels() throws {
    let names = SampleCaches.classNames
    var lines = ""
    for (cache, count) in [("train", 70), ("val", 30)] {
      for row in 0..<count {
        lines += "\(cache)/\(row).jpg,\(names[row % 3]);\(names[(row + 1) % 3])\n"
      }
    }
    try caches.folder.write(Array(lines.utf8), to: "labels.csv")
    let sources = DataSources(
      train: [caches.train], validation: [caches.validation], labelFile: caches.folder.file("labels.csv"))
    var several = configuration(Self.heads[3], heldOut: 0.2)
    (several.epochs, several.schedule.epochs) = (20, 20)
    let folder = RunFolder(caches.folder.file("several"))
    let outcome = try TrainingRun(
      [PlannedRun(several, folder)], sources, folder: folder, programVersion: "test",
      parallel: Parallel(threadCount: 2)
    ).run(.fresh)
    guard case .finished(let results) = outcome else {
      Issue.record("the run did not finish")
      return
    }
    let summary = try results[0].summary()
    let score = try #require(summary.final.validation.meanAveragePrecision)
    #expect(score > 0.75, "by chance it is 2/3")
    #expect(summary.final.heldOut?.meanAveragePrecision != nil)
    #expect(summary.final.validation.calibrationError == nil)
    let trained = try TrainedHead(folder, parallel: Parallel(threadCount: 3))
    let tokens = try trained.data(paths: [caches.validation], labelFile: caches.folder.file("labels.csv"))
    #expect(try trained.measure(on: tokens, folder: caches.folder.path).metrics == summary.final.validation)

    several.loss.labelSmoothing = 0.1
    #expect(throws: InputError.self) {
      try TrainingRun(
        [PlannedRun(several, folder)], sources, folder: folder, programVersion: "test",
        parallel: Parallel(threadCount: 2)
      ).run(.overwrite)
    }
  }

  // MARK: - Folders

  /// Whatever differs, no folder is touched.
  @Test func anotherGridDoesNotGoOnInASweepsFolder() throws {
    let grid = Array(grid.prefix(4))
    #expect(try sweep(grid, to: "sweep", stoppingAfterBatches: 9) == nil)
    let before = try FileManager.default.subpathsOfDirectory(atPath: caches.folder.file("sweep")).sorted()
    var others = [grid + [configuration(Self.heads[6])], Array(grid.dropLast()), grid.reversed()]
    others.append(grid.map { configuration($0.head, seed: $0.seed + 1) })
    for (other, text) in zip(
      others, ["runs were 4, are 5", "are 3", "3 more runs differ", "seed was 0, is 1"])
    {
      let error = #expect(throws: InputError.self) { try sweep(other, to: "sweep", start: .resume) }
      #expect(error?.reason.contains(text) == true, "\(error?.description ?? "")")
    }
    let after = try FileManager.default.subpathsOfDirectory(atPath: caches.folder.file("sweep")).sorted()
    #expect(before == after)
    #expect(try sweep(grid, to: "sweep", start: .resume) != nil)
  }

  /// One that was killed before its first checkpoint, too.
  @Test func aPlanHoldsFromTheStart() throws {
    let grid = Array(grid.prefix(2))
    #expect(try sweep(grid, to: "sweep", stoppingAfterBatches: 1) == nil)
    #expect(throws: InputError.self) { try sweep(grid.reversed(), to: "sweep", start: .resume) }
    #expect(try sweep(grid, to: "sweep", start: .resume) != nil)
  }

  @Test func anEarlierSweepIsRemovedAsAWhole() throws {
    let name = caches.folder.file("sweep")
    let results = try #require(try sweep(grid, to: "sweep"))
    let names = grid.indices.map { "runs/\($0)-head" }
    try SweepFolder(name).write(SweepSummary(programVersion: "", folders: names, results: results))
    for file in ["sweep/checkpoint-1.safetensors", "sweep/sweep.csv", "sweep/runs/3-head/summary.json"] {
      try caches.folder.write([1], to: file + ".0123456789abcdef.partial")
    }
    try caches.folder.write([1], to: "sweep/runs/3-head/notes.txt")
    let error = #expect(throws: InputError.self) { try sweep(grid, to: "sweep") }
    #expect(error?.remedy?.contains("--overwrite") == true)
    // Nothing of what was there is left beside a smaller sweep that was stopped, but for files of others.
    #expect(try sweep([grid[2]], to: "sweep", start: .overwrite, stoppingAfterBatches: 1) == nil)
    let left = try FileManager.default.subpathsOfDirectory(atPath: name).sorted()
    let own = ["events.out.tfevents.patchbank", "metrics.jsonl"].map { "runs/0-head/" + $0 }
    #expect(
      left == ["plan.json", "runs", "runs/0-head"] + own + ["runs/3-head", "runs/3-head/notes.txt"])
  }

  @Test func sweepsAndRunsDoNotShareAFolder() throws {
    func train(_ name: String, _ start: TrainingRun.Start) throws {
      let folder = RunFolder(caches.folder.file(name))
      _ = try TrainingRun(
        [PlannedRun(configuration(Self.heads[0]), folder)],
        DataSources(train: [caches.train], validation: [caches.validation]), folder: folder,
        programVersion: "test", parallel: Parallel(threadCount: 2)
      ).run(start)
    }
    let grid = Array(grid.prefix(2))
    _ = try sweep(grid, to: "sweep")
    try train("run", .fresh)
    for start in [TrainingRun.Start.fresh, .resume] {
      let error = #expect(throws: InputError.self) { try train("sweep", start) }
      #expect(error?.reason == "holds a sweep, not a single run")
      let other = #expect(throws: InputError.self) { try sweep(grid, to: "run", start: start) }
      #expect(other?.reason == "holds a single run, not a sweep")
    }
    try train("sweep", .overwrite)
    #expect(!Folder.contains(caches.folder.file("sweep/runs")))
    #expect(try sweep(grid, to: "run", start: .overwrite) != nil)
    #expect(!Folder.contains(caches.folder.file("run/head.safetensors")))
  }

  @Test func eventFilesAreLeftOutOnRequest() throws {
    let configurations = [configuration(Self.heads[0])]
    _ = try sweep(configurations, to: "with")
    _ = try sweep(configurations, to: "without", writesTensorBoard: false)
    #expect(Folder.containsFile(folders("with", count: 1)[0].eventFile))
    #expect(!Folder.contains(folders("without", count: 1)[0].eventFile))
  }

  // MARK: - What a sweep tells

  @Test func aSpreadIsMeanAndSampleDeviation() {
    #expect(Spread([]) == nil)
    #expect(Spread([3]).map { [$0.mean, $0.deviation, Double($0.count)] } == [3, 0, 1])
    #expect(Spread([1, 2, 3, 4]).map { [$0.mean, $0.count == 4 ? 4 : 0] } == [2.5, 4])
    #expect(abs(Spread([1, 2, 3, 4])!.deviation - (5.0 / 3).squareRoot()) < 1e-12)
  }

  /// A setting that is better on the validation images only is not the one to choose.
  @Test func settingsAreSelectedByHeldOutImages() throws {
    let runs = [0.1, 0.2].flatMap { rate in
      [0, 1].map { PlannedRun(configuration(Self.heads[0], seed: $0, peak: rate), RunFolder("unused")) }
    }
    func metrics(_ top1: Double) -> Metrics {
      Metrics(imageCount: 10, loss: 1, top1: top1, top5: 1, meanClassAccuracy: top1)
    }
    func result(_ run: PlannedRun, heldOut: Double, validation: Double) throws -> RunResult {
      let record = EpochRecord(
        epoch: 0, learningRate: 0, trainLoss: 0, trainTop1: 0, validation: metrics(validation),
        heldOut: metrics(heldOut), seconds: 1, imagesPerSecond: 1)
      let cache = RunSummary.Cache(path: "", manifestSHA256: "", images: 1, skippedRows: 0)
      return .finished(
        RunSummary(
          programVersion: "", configuration: run.configuration,
          layout: HeadLayout(tokens: .vector(width: 1), classNames: ["a"]), encoder: "", checkpointSHA256: "",
          encoderSettings: nil, train: cache, validation: cache, parameterCount: 7, cpuLevels: nil,
          final: record, best: record))
    }
    func failed(_ run: PlannedRun) -> RunResult {
      let cache = RunSummary.Cache(path: "", manifestSHA256: "", images: 1, skippedRows: 0)
      return .failed(
        RunFailure(
          programVersion: "", configuration: run.configuration, reason: "the loss became nan",
          encoderSettings: nil, train: cache, validation: cache))
    }
    let results = [
      try result(runs[0], heldOut: 0.5, validation: 0.9), try result(runs[1], heldOut: 0.6, validation: 0.9),
      try result(runs[2], heldOut: 0.6, validation: 0.2), try result(runs[3], heldOut: 0.7, validation: 0.4),
    ]
    let names = (0..<4).map { SweepFolder.runName($0, runs[$0].configuration.head) }
    #expect(names[1] == "runs/0001-cls")
    let summary = SweepSummary(programVersion: "test", folders: names, results: results)
    #expect(summary.settings.map(\.isSelected) == [true, false])
    #expect(summary.settings[0].folders == Array(names[2...]))
    #expect(abs(summary.settings[0].validationScore!.mean - 0.3) < 1e-12)
    #expect(summary.settings[0].heldOutScore!.count == 2 && summary.settings[0].parameterCount == 7)

    // One that was given up for a seed is not chosen, however good the other seed is.
    let broken = SweepSummary(
      programVersion: "test", folders: names, results: Array(results.prefix(3)) + [failed(runs[3])])
    #expect(broken.settings.map(\.isSelected) == [true, false])
    #expect(broken.settings[0].folders == Array(names[..<2]) && broken.settings[1].failureCount == 1)

    // Where a seed of every setting was given up, one that has finished runs is chosen by them.
    func selected(_ results: [RunResult]) -> [[String]] {
      SweepSummary(programVersion: "test", folders: names, results: results).settings.filter(\.isSelected)
        .map(\.folders)
    }
    #expect(selected([results[0], failed(runs[1]), results[2], failed(runs[3])]) == [Array(names[2...])])
    #expect(
      selected([failed(runs[0]), failed(runs[1]), results[2], failed(runs[3])]) == [Array(names[2...])])
    #expect(selected(runs.map(failed)) == [])

    // Tables.
    let folder = SweepFolder(caches.folder.path)
    try folder.write(broken)
    func lines(_ path: String) throws -> [Substring] {
      try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    }
    #expect(try lines(folder.tableFile).count == 5)
    let settings = try lines(folder.settingsFile)
    #expect(
      settings[0].hasPrefix("head,parameters,amp,optimizer,learning_rate,weight_decay,n,failures,selected,"))
    #expect(settings[1].hasPrefix("cls,7,none,adamw,0.1,0.0,2,0,true,0.55,"))
    #expect(settings[2].hasPrefix("cls,7,none,adamw,0.2,0.0,1,1,false,0.6,0.0,0.2,0.0,"))
  }
}
