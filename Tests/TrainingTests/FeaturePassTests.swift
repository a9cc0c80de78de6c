import Compute
import Files
import Foundation
import Heads
import Reading
import TestSupport
import Testing
import TokenStore
import Training

/// Features without trained parameters, computed from caches before heads learn from them.
@Suite struct FeaturePassTests {
  private let caches: SampleCaches

  init() throws { caches = try SampleCaches() }

  private func run(
    _ features: [HeadDescription.Features], to name: String, sources: DataSources? = nil
  ) -> TrainingRun {
    let runs = features.map { features in
      PlannedRun(
        TrainingConfiguration(
          head: HeadDescription(
            features: features, abmilp: features == .abmilp ? AbMILPDescription() : nil,
            attentive: features == .ep ? AttentiveDescription(queryCount: 4) : nil),
          optimizer: OptimizerDescription(.adamw, momentum: 0.9, weightDecay: 0),
          schedule: LearningRateSchedule(peak: 0.05, minimum: 0, warmupEpochs: 0, epochs: 1), epochs: 1,
          batchSize: 16, accumulation: 1, seed: 0, data: DataSelection(heldOutFraction: 0.1)),
        RunFolder(caches.folder.file("\(name)/\(features.rawValue)")))
    }
    return TrainingRun(
      runs, sources ?? DataSources(train: [caches.train], validation: [caches.validation]),
      folder: RunFolder(caches.folder.file(name)), programVersion: "test",
      parallel: Parallel(threadCount: 2))
  }

  private func copy(_ name: String, to copy: String) throws -> String {
    try FileManager.default.copyItem(atPath: caches.folder.file(name), toPath: caches.folder.file(copy))
    return caches.folder.file(copy)
  }

  /// Changes a bit of row 7's statistics, which no head looks at.
  private func damage(_ cache: String) throws {
    let shard = try CacheManifest.read(cache).shards[0]
    let statistics = try #require(shard.datasets["magnitudes"])
    var bytes = try bytes(ofFile: cache + "/" + shard.name)
    bytes[statistics.offset + 7 * 2 * 2 * 4] ^= 1
    try Data(bytes).write(to: URL(fileURLWithPath: cache + "/" + shard.name))
  }

  @Test(arguments: ["cls", "pos", "ca2", "dino"]) func damagedRowsAreFound(name: String) throws {
    let features = try #require(HeadDescription.Features(rawValue: name))
    let otherTrain = try copy("train", to: "other-train")
    let otherValidation = try copy("val", to: "other-val")
    // Of `dino` the attention's cache is the damaged one.
    try damage(name == "dino" ? otherTrain : caches.train)
    for checks in [false, true] {
      let sources = DataSources(
        train: [caches.train], validation: [caches.validation], trainAttention: [otherTrain],
        validationAttention: [otherValidation], reading: ReadingOptions(checksRows: checks))
      let run = run([features], to: "\(checks)", sources: sources)
      guard checks else {
        _ = try run.run(.fresh)
        continue
      }
      let error = try #require(throws: InputError.self) { try run.run(.fresh) }
      #expect(error.reason.contains("row 7 of the cache") && error.reason.contains("7.jpg"), "\(error)")
    }
  }

  @Test func damagedRowsAreFoundWhenAHeadIsMeasured() throws {
    guard case .finished = try run([.pos], to: "run").run(.fresh) else {
      Issue.record("the run did not finish")
      return
    }
    try damage(caches.validation)
    let trained = try TrainedHead(
      RunFolder(caches.folder.file("run/pos")), parallel: Parallel(threadCount: 2))
    let tokens = try trained.data(
      paths: [caches.validation], reading: ReadingOptions(checksRows: true))
    let error = try #require(throws: InputError.self) {
      try trained.measure(on: tokens, folder: caches.folder.path)
    }
    #expect(error.reason.contains("row 7 of the cache"), "\(error)")
    #expect(throws: CancellationError.self) {
      try trained.measure(on: tokens, folder: caches.folder.path, shouldStop: { true })
    }
  }

  /// However rows are read, and whether they stay in memory.
  @Test(arguments: [0, 1, 1 << 20]) func readingDecidesNoFeature(readAhead: Int) throws {
    let features: [HeadDescription.Features] = [.cls, .centralAttention3, .otherAttention, .tokenCut]
    func matrices(_ reading: ReadingOptions) throws -> [[Float]] {
      let data = try TrainingData(
        DataSources(
          train: [caches.train], validation: [caches.validation], trainAttention: [caches.train],
          validationAttention: [caches.validation], reading: reading),
        DataSelection(heldOutFraction: 0.2))
      let images = try TrainingImages(data).pooled(
        features, Parallel(threadCount: 2), folder: caches.folder.path)
      return try #require(images).flatMap { [$0.training, $0.validation, $0.heldOut!] }.map { tokens in
        tokens.rows.flatMap { row in
          let vector = tokens.source.tokens(row: row)
          let values = SharedBuffer<Float>(count: vector.width)
          vector.decode(into: values.pointer)
          return values.array
        }
      }
    }
    var options = ReadingOptions(checksRows: true, readAheadByteCount: readAhead)
    options.residentByteCount = 0
    let expected = try matrices(ReadingOptions(readAheadByteCount: 0))
    #expect(expected.allSatisfy { $0.contains { $0 != 0 } })
    #expect(try matrices(options) == expected)
  }

  @Test func allHeadsShareOnePassAndFinishedOnesNeedNone() throws {
    let features: [HeadDescription.Features] = [.cls, .pos, .both, .raw]
    var told: [Int] = []
    var observer = TrainingRun.Observer()
    observer.onFeatures = { images, total in
      told.append(images)
      // 68 of 70 and 28 of 30 rows have labels and were decoded.
      #expect(total == 96)
    }
    observer.shouldStop = { told.last ?? 0 > 0 }
    let run = run(features, to: "run")
    guard case .interrupted = try run.run(.fresh, observer) else {
      Issue.record("the pass was not stopped")
      return
    }
    #expect(told.first == 0 && told.last! < 96)
    told = []
    observer.shouldStop = { false }
    _ = try run.run(.resume, observer)
    // A call before the pass, and one for each set of images.
    #expect(told.count == 4 && told.last == 96)
    told = []
    _ = try run.run(.resume, observer)
    #expect(told == [])
  }

  /// Caches of a second encoder of another width, whose rows are in another order and of which some are of other images.
  private func writeBeside() throws {
    for (name, count) in [("train", 70), ("val", 30)] {
      try caches.writeReordered("\(name)-beside", as: name, rowCount: count)
    }
  }

  private var besideSources: DataSources {
    var sources = DataSources(train: [caches.train], validation: [caches.validation])
    sources.trainBeside = [caches.folder.file("train-beside")]
    sources.validationBeside = [caches.folder.file("val-beside")]
    return sources
  }

  @Test func aSecondEncodersFeaturesStandBehindTheFirsts() throws {
    try writeBeside()
    let features: [HeadDescription.Features] = [.cls, .both]
    let folder = caches.folder.path
    let parallel = Parallel(threadCount: 2)
    let data = try TrainingData(besideSources, DataSelection(heldOutFraction: 0.2, tokenNorm: .final))
    let images = try #require(try TrainingImages(data).pooled(features, parallel, folder: folder))
    // Each encoder's features alone, by the images' ids.
    let others = try CacheSet(paths: besideSources.trainBeside)
    let rowOfID = Dictionary(uniqueKeysWithValues: (0..<others.rowCount).map { (others.id(row: $0), $0) })
    for (feature, images) in zip(features, images) {
      let own = try #require(
        try FixedFeatures.compute(
          [feature], data.trainingCaches, rows: data.training.rows, norm: data.tokenNorm, parallel,
          folder: folder))
      let rows = data.training.rows.map { rowOfID[data.trainingCaches.id(row: $0)]! }
      let places = Array(rows.indices)
      let other = try #require(
        try FixedFeatures.compute(
          [feature], others, rows: rows, norm: data.besideNorm, parallel, folder: folder))
      let expected = zip(vectors(own[0], places), vectors(other[0], places)).map(+)
      #expect(vectors(images.training.source, images.training.rows) == expected)
      #expect(images.training.labels == data.training.labels)
      #expect(images.heldOut?.source.width == images.training.source.width)
    }
  }

  private func vectors(_ source: any TokenSource, _ rows: [Int]) -> [[Float]] {
    rows.map { row in
      let values = SharedBuffer<Float>(count: source.width)
      source.tokens(row: row).decode(into: values.pointer)
      return values.array
    }
  }

  @Test func aHeadOfTwoEncodersIsTrainedAndMeasured() throws {
    try writeBeside()
    let run = run([.pos], to: "run", sources: besideSources)
    guard case .finished(let results) = try run.run(.fresh) else {
      Issue.record("the run did not finish")
      return
    }
    let summary = try results[0].summary()
    #expect(summary.layout.beside?.tokens.width == 12 && summary.parameterCount == (8 + 12 + 1) * 3)
    let identity = try CacheSet(paths: besideSources.trainBeside).identity()
    #expect(summary.configuration.data.beside?.train == identity)
    let trained = try TrainedHead(
      RunFolder(caches.folder.file("run/pos")), parallel: Parallel(threadCount: 2))
    let tokens = try trained.data(paths: [caches.validation])
    let beside = try trained.beside(paths: besideSources.validationBeside, reading: ReadingOptions())
    let measured = try trained.measure(on: tokens, beside: beside, folder: caches.folder.path)
    #expect(measured.metrics == summary.final.validation)
    for caches in [nil, tokens.caches] {
      let error = try #require(throws: InputError.self) {
        try trained.measure(on: tokens, beside: caches, folder: self.caches.folder.path)
      }
      #expect("\(error)".contains(caches == nil ? "--beside" : "does not go with the head"), "\(error)")
    }
    // What a finished run needs to be told again are its files alone.
    guard case .finished = try run.run(.resume) else {
      Issue.record("the finished run did not finish again")
      return
    }
  }

  @Test(arguments: ["abmilp", "ep", "raw"]) func headsOfTokensTakeNoSecondEncoder(name: String) throws {
    try writeBeside()
    let features = try #require(HeadDescription.Features(rawValue: name))
    let error = try #require(throws: InputError.self) {
      try run([features], to: "run", sources: besideSources).run(.fresh)
    }
    #expect(error.subject == "--beside" && error.reason.contains(name), "\(error)")
  }

  @Test func aSecondEncoderMustHaveAllImages() throws {
    try writeBeside()
    var half = besideSources
    half.validationBeside = []
    var swapped = besideSources
    swapped.trainBeside = swapped.validationBeside
    for (sources, reason) in [(half, "alone"), (swapped, "holds no tokens of view 0 of train/")] {
      let error = try #require(throws: InputError.self) {
        try run([.cls], to: "run", sources: sources).run(.fresh)
      }
      #expect(error.reason.contains(reason), "\(error)")
    }
  }
}
