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
          head: HeadDescription(features: features),
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
}
